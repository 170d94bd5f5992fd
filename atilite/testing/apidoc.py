"""Documentation of an API in Markdown: routes with what they take, who may call them, and examples. Pure."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from .examples import Body, Example, Shown, Told

PLACES = {"any": "query or body"}


def page(routes: Iterable[Shown]) -> str:
    """The page of these routes. Its text changes only when a route or an example does."""
    known = list(routes)
    lines = ["## Table of Content", ""]
    lines += [f"{number}. {_listed(shown)}" for number, shown in enumerate(known, 1)]
    for shown in known:
        lines += ["", *_section(shown)]
    return "\n".join(lines) + "\n"


def _listed(shown: Shown) -> str:
    links = (f"[**`{method}`**](#{_anchor(method, shown)})" for method in shown.methods)
    return f"[{_escaped(shown.route['path'])}](#{_anchor('route', shown)}) {' '.join(links)}"


def _anchor(what: str, shown: Shown) -> str:
    named = f"{what} {shown.route['path']} {shown.route.get('name') or ''}"
    return re.sub(r"[^a-z0-9]+", "-", named.lower()).strip("-")


def _section(shown: Shown) -> Iterator[str]:
    route = shown.route
    yield f'<a id="{_anchor("route", shown)}"></a>'
    yield ""
    yield f"## {_escaped(route.get('name') or route['path'])}"
    yield ""
    if route.get("doc"):
        yield from (str(route["doc"]), "")
    parameters = route.get("parameters", ())
    in_path = [one["name"] for one in parameters if one.get("place") == "path"]
    if in_path:
        yield from (f"**URL Parameters**: {', '.join(f'`{name}`' for name in in_path)}", "")
    yield from _table([one for one in parameters if one.get("place") != "path"])
    yield from _requirements(route)
    yield f"**Authorization Required**: {_authorization(route)}"
    for method in shown.methods:
        yield ""
        yield f'<a id="{_anchor(method, shown)}"></a>'
        yield ""
        yield f"#### `{method}` `{route['path']}`"
        for example in shown.of(method):
            yield from ("", *_example(example))


def _table(parameters: list[Any]) -> Iterator[str]:
    if not parameters:
        return
    yield "**Common Parameters**:"
    yield ""
    yield "| name | where | what | default |"
    yield "|---|---|---|---|"
    for one in parameters:
        default = "required" if one.get("required") else f"`{jsonlib.dumps(one.get('default'), ensure_ascii=False)}`"
        name = _cell(f"`{one['name']}`")
        place = PLACES.get(one.get("place"), one.get("place") or "")
        yield f"| {name} | {place} | {_cell(one.get('kind') or 'anything')} | {_cell(default)} |"
    yield ""


def _requirements(route: Told) -> Iterator[str]:
    told = [f"`{one['name']}` {rule}" for one in route.get("parameters", ()) for rule in one.get("rules") or ()]
    told += [str(rule) for rule in route.get("rules") or ()]
    told += [f"the body is {' or '.join(route['content_types'])}"] if route.get("content_types") else []
    if told:
        yield "**Requirements**:"
        yield ""
        yield from (f"- {_escaped(rule)}" for rule in told)
        yield ""


def _authorization(route: Told) -> str:
    words = (route.get("access") or {}).get("words") or "everybody"
    return "NO" if words == "everybody" else f"YES ({_escaped(words)})"


def _example(example: Example) -> Iterator[str]:
    yield f"**{'Success' if example.status_code < 400 else 'Error'} Response Example**"
    yield ""
    yield f"> **_URL_**: `{example.url}`"
    if example.sent is not None:
        yield ">"
        yield from _body("Request Data", example.sent)
        yield ""
    else:
        yield ">"
    yield f"> **_Response_**: `{example.status}`"
    if example.got is not None:
        yield ">"
        yield from _body("Response Data", example.got)


def _body(title: str, body: Body) -> Iterator[str]:
    yield f"> **_{title}_** ({body.kind})"
    yield ""
    longest = max((len(run) for run in re.findall("`+", body.text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + {"json": "json", "html": "html", "xml": "xml"}.get(re.split(r"[/+]", body.kind)[-1], "")
    yield body.text
    yield fence


def _escaped(text: Any) -> str:
    return re.sub(r"([<>*_\[\]])", r"\\\1", str(text))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
