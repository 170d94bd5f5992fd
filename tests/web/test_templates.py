"""Templates."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError

from atilite.web.templates import Templates


def put(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(dedent(text))
    return folder


@pytest.mark.row("A174")
def test_line_statements_comments_and_loop_controls_are_understood(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.j2",
        """\
        ## a comment
        % set seen = []
        % for n in numbers
          {% if n == 3 %}{% break %}{% endif %}
          % do seen.append(n)
        n{{ n }}
        % endfor
        {{ seen | length }}
        """,
    )

    assert Templates([tmp_path]).render("a.j2", {"numbers": [1, 2, 3, 4]}).split() == ["n1", "n2", "2"]


@pytest.mark.row("A174")
@pytest.mark.parametrize("name", ["a.j2", "a.html", "a.txt", "a"])
def test_every_value_is_escaped_in_every_template(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "{{ x }}")

    assert Templates([tmp_path]).render(name, {"x": "<script>'\""}) == "&lt;script&gt;&#39;&#34;"


@pytest.mark.row("A31", "A32")
def test_folders_are_searched_in_order_and_may_be_put_before_or_behind(tmp_path: Path) -> None:
    for folder in ("own", "over", "base"):
        put(tmp_path / folder, "same.j2", folder)
    put(tmp_path / "base", "only.j2", "base only")
    templates = Templates([tmp_path / "own"])

    templates.last(tmp_path / "base")
    assert templates.render("same.j2", {}) == "own"
    templates.first(tmp_path / "over")

    assert templates.render("same.j2", {}) == "over"
    assert templates.render("only.j2", {}) == "base only"


@pytest.mark.row("A175")
def test_globals_filters_and_extensions_can_be_added(tmp_path: Path) -> None:
    put(tmp_path, "a.j2", "{{ answer() }} {{ 'ab' | reverse_text }} {% debug %}")
    templates = Templates([tmp_path])

    templates.add_global("answer", lambda: 42)
    templates.add_filter("reverse_text", lambda text: text[::-1])
    templates.add_extension("jinja2.ext.debug")

    assert templates.render("a.j2", {}).startswith("42 ba ")


def test_a_missing_template_is_told_with_the_folders(tmp_path: Path) -> None:
    with pytest.raises(TemplateNotFound, match=tmp_path.name):
        Templates([tmp_path]).render("none.j2", {})
    put(tmp_path, "a.j2", "{% include 'other.j2' %}")
    with pytest.raises(TemplateNotFound, match=r"other\.j2"):
        Templates([tmp_path]).render("a.j2", {})


def test_a_template_cannot_be_fetched_from_outside(tmp_path: Path) -> None:
    put(tmp_path, "secret", "secret")

    with pytest.raises(TemplateNotFound):
        Templates([put(tmp_path / "own", "a", "")]).render("../secret", {})


def test_a_missing_value_is_blank(tmp_path: Path) -> None:
    put(tmp_path, "a.j2", "[{{ nothing }}]")

    assert Templates([tmp_path]).render("a.j2", {}) == "[]"


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    put(tmp_path, "a.j2", "\n{% if %}")

    with pytest.raises(TemplateSyntaxError) as error:
        Templates([tmp_path]).render("a.j2", {})
    assert (error.value.name, error.value.lineno) == ("a.j2", 2)


def test_changed_files_are_seen_when_reloading(tmp_path: Path) -> None:
    put(tmp_path, "a.j2", "one")
    templates = Templates([tmp_path], reload=True)
    assert templates.render("a.j2", {}) == "one"

    (tmp_path / "a.j2").write_text("other")
    os.utime(tmp_path / "a.j2", (1, 1))

    assert templates.render("a.j2", {}) == "other"


def test_compiled_templates_are_kept_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    put(tmp_path / "t", "a.j2", "{{ x }}")
    cache = tmp_path / "cache"

    Templates([tmp_path / "t"], cache=cache).render("a.j2", {"x": 1})

    assert list(cache.iterdir())
    assert cache.stat().st_mode & 0o077 == 0
    assert Templates([tmp_path / "t"], cache=cache).render("a.j2", {"x": 2}) == "2"


def test_a_cache_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    put(tmp_path / "t", "a.j2", "{{ x }}")
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)

    Templates([tmp_path / "t"], cache=cache).render("a.j2", {"x": 1})

    assert not list(cache.iterdir())
