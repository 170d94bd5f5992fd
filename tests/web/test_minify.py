"""HTML made smaller."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atilite.errors import SetupError
from atilite.web.minify import is_html, minified

PAGE = """<!doctype html>
<html>

  <!-- a  note -->
  <p title="two  blanks
here">one   <b>two</b>
     three</p>
  <pre>
    kept  as
      it is
  </pre>
  <SCRIPT>let  x = "<p>  </p>"</SCRIPT>
  <textarea>
  a

  b</textarea>
</html>
"""


@pytest.mark.row("A19")
def test_strip_takes_blank_lines_and_blanks_around_lines_away() -> None:
    assert (
        minified(PAGE, "strip")
        == """<!doctype html>
<html>
<!-- a  note -->
<p title="two  blanks
here">one   <b>two</b>
three</p>
<pre>
    kept  as
      it is
  </pre>
<SCRIPT>let  x = "<p>  </p>"</SCRIPT>
<textarea>
  a

  b</textarea>
</html>
"""
    )


@pytest.mark.row("A19")
def test_minify_takes_comments_and_doubled_blanks_away() -> None:
    assert minified(PAGE, "minify") == (
        '<!doctype html> <html> <p title="two  blanks\nhere">one <b>two</b> three</p> '
        "<pre>\n    kept  as\n      it is\n  </pre> "
        '<SCRIPT>let  x = "<p>  </p>"</SCRIPT> <textarea>\n  a\n\n  b</textarea> </html> '
    )


@pytest.mark.parametrize("text", ["", "no tags", "a < b > c", "<", "<p", '<p title="', "<!--", "<pre>open", "</p>"])
@pytest.mark.parametrize("way", ["strip", "minify"])
def test_broken_html_stays_what_it_is(text: str, way: str) -> None:
    assert minified(text, way) == text


@given(
    st.lists(
        st.sampled_from(["<", ">", "<p ", "<pre>", "</pre>", "<!--", "-->", '"', "'", " ", "\n", "a", "</", "="])
    ).map("".join)
)
@pytest.mark.parametrize("way", ["strip", "minify"])
def test_no_word_is_lost_but_in_comments(way: str, html: str) -> None:
    smaller = minified(html, way)

    assert len(smaller) <= len(html)
    if way == "strip" or "<!--" not in html:
        assert re.sub(r"\s", "", smaller) == re.sub(r"\s", "", html)
    assert minified(smaller, way) == smaller or "<!--" in html


def test_an_unclosed_quote_takes_no_long_time() -> None:
    assert minified('<p title="' * 5000, "minify")


def test_another_way_is_refused() -> None:
    with pytest.raises(SetupError, match="'strip' or 'minify'"):
        minified("", "shrink")


@pytest.mark.parametrize(
    ("name", "html"),
    [("a.html", True), ("a.j2", True), ("a", True), ("sub/a.HTML.j2", True), ("a.txt", False), ("a.txt.j2", False),
     ("a.xml.jinja", False), ("a.csv", False)],
)  # fmt: skip
def test_the_name_of_a_template_tells_whether_it_is_html(name: str, html: bool) -> None:
    assert is_html(name) is html
