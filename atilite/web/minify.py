"""HTML made smaller: blanks that no browser shows are left out. Pure."""

from __future__ import annotations

import functools
import re

from atilite.errors import SetupError

#: What `config.MINIFY_HTML` can be: blanks at the ends of lines and blank lines go; comments and doubled blanks, too.
BLANKS = {"strip": (r"[ \t\r\f]*\n\s*", "\n"), "minify": (r"\s+", " ")}
# In these elements blanks count or belong to another language, and in a tag they may be part of a value.
_KEPT = r"""
    <(?P<name>pre|textarea|script|style)\b .*? </(?P=name)\s*>
  | (?P<comment> <!--(?!\[if|<!).*?--> )
  | <[a-z/!] (?: [^>"'] | "[^"]*" | '[^']*' )*+ >
"""
_NO_HTML = (".txt", ".md", ".csv", ".json", ".js", ".css", ".xml", ".svg", ".ics")
_TEMPLATE = (".j2", ".jinja", ".jinja2")


def is_html(template: str) -> bool:
    """Tell by the name of a template whether it makes HTML: `page.html`, `page.j2`, but not `letter.txt.j2`."""
    name = template.lower()
    for ending in _TEMPLATE:
        name = name.removesuffix(ending)
    return not name.endswith(_NO_HTML)


def minified(html: str, way: str) -> str:
    """Return the page without the blanks that `way` (a key of BLANKS) takes away. Raises SetupError for another way.

    What is in `pre`, `textarea`, `script` and `style` stays, and so do the values of attributes. One blank stays where
    there were some: between two words or links it is seen.
    """
    if way not in BLANKS:
        raise SetupError(f"config.MINIFY_HTML is {way!r}; it can be None, {' or '.join(map(repr, BLANKS))}")
    pattern, by = _patterns(way)[1], BLANKS[way][1]
    parts: list[str] = []
    text, at = "", 0
    for found in _patterns(way)[0].finditer(html):
        text += html[at : found.start()]
        at = found.end()
        if way == "minify" and found["comment"]:
            continue
        parts += [pattern.sub(by, text), found[0]]
        text = ""
    return "".join([*parts, pattern.sub(by, text + html[at:])])


@functools.cache
def _patterns(way: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(_KEPT, re.DOTALL | re.IGNORECASE | re.VERBOSE), re.compile(BLANKS[way][0])
