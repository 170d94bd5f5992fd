"""Who answers the fixed paths at the root of a site."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from atilite.rootpaths import DOCS_PATHS, HEALTH_PATHS, root_paths


def mounted(name: str, prefix: str = "", *, paths: tuple[str, ...] = (), own: bool = False) -> Any:
    app = SimpleNamespace(router=SimpleNamespace(static={"GET": dict.fromkeys(paths)}))
    return SimpleNamespace(name=name, prefix=prefix, wanted=None if own else object(), app=app)


OWN = [mounted("atilite:root", own=True), mounted("atilite:docs", own=True)]


def test_the_platform_answers_them() -> None:
    found = root_paths([mounted("site"), *OWN])

    assert {path: one.name for path, one in found.items()} == {
        **dict.fromkeys(HEALTH_PATHS, "atilite:root"), **dict.fromkeys(DOCS_PATHS, "atilite:docs"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("user", "left"),
    [
        (mounted("x", paths=("/docs",)), {"/docs"}),
        (mounted("x", "/docs"), {"/docs", "/docs/try", "/docs/console.css"}),
        (mounted("x", "/docsomething"), set()),
        (mounted("x", "/x", paths=("/docs",)), set()),
        (mounted("x", paths=("/healthz",)), set()),
    ],
)
def test_what_the_user_serves_there_is_left_to_the_user(user: Any, left: set[str]) -> None:
    assert {*HEALTH_PATHS, *DOCS_PATHS} - root_paths([user, *OWN]).keys() == left


def test_a_folder_has_no_routes() -> None:
    folder = SimpleNamespace(name="x", prefix="", wanted=object(), app=None)

    assert "/docs" in root_paths([folder, *OWN])
