"""Dotted paths and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from atilite.errors import SetupError
from atilite.pod.loading import load


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "podshop"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "till.py").write_text("class Till:\n    def count(self): return 1\nopen_till = 3\n")
    (folder / "broken.py").write_text("import podshop.nowhere\n")
    (folder / "failing.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.usefixtures("shop")
def test_modules_classes_and_attributes_are_found() -> None:
    assert load("podshop.till.open_till") == 3
    assert load("podshop.till.Till.count").__name__ == "count"
    assert load("os.path.join") is __import__("os").path.join


def test_what_is_no_text_is_returned_as_it_is() -> None:
    assert load(len) is len
    assert load(None) is None


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("core", "words"),
    [
        ("podshap.till.Till", "podshap.till.Till: there is no module podshap (is its folder on the path?)"),
        ("podshop.tell.Till", "podshop.tell.Till: podshop has no tell"),
        ("podshop.till.Tilt", "podshop.till.Tilt: podshop.till has no Tilt; did you mean Till?"),
        ("podshop.till.Till.counts", "podshop.till.Till.counts: podshop.till.Till has no counts; did you mean count?"),
        ("alone", "'alone' is no dotted path; write it as module.function"),
        ("a..b", "'a..b' is no dotted path; write it as module.function"),
    ],
)
@pytest.mark.row("pod-defect-2")
def test_the_part_that_is_missing_is_named(core: str, words: str) -> None:
    with pytest.raises(SetupError) as refused:
        load(core)

    assert str(refused.value).startswith(words)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(("name", "kind"), [("broken", ModuleNotFoundError), ("failing", ZeroDivisionError)])
def test_a_module_that_fails_keeps_its_own_error(name: str, kind: type[Exception]) -> None:
    with pytest.raises(SetupError, match=f"the module podshop.{name} cannot be imported: {kind.__name__}") as refused:
        load(f"podshop.{name}.x")

    assert isinstance(refused.value.__cause__, kind)
