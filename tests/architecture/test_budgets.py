"""Sizes and habits that keep the code readable. They find places to look at; the remedy is never a trick."""

from __future__ import annotations

import ast
import functools
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path for name in ("atilite", "services") for path in (ROOT / name).rglob("*.py") if "__pycache__" not in path.parts
)
SHIPPED += [path for path in [ROOT / "serve.py"] if path.exists()]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
PATIENT = ("e2e", "faults", "bench", "security")  # tests of real processes may wait
# Rooms whose package has a face of its own, with names that are loaded when they are first used.
FACES = {"flow", "pod"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "types"}
ENVIRONMENT_READERS = ("atilite/config.py", "atilite/cli/", "atilite/launch.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.fixture(scope="module", autouse=True)
def _trees_are_let_go() -> Iterator[None]:
    """Every file is read once for all tests here; what that made would slow those that follow."""
    yield
    tree.cache_clear()


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def functions(paths: list[Path]) -> Iterator[tuple[str, Function]]:
    for path in paths:
        for node in ast.walk(tree(path)):
            if isinstance(node, Function):
                yield where(path, node), node


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def body_length(node: Function) -> int:
    """Lines without signature and docstring: what has to be held in mind."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1 else node.body
    return (node.end_lineno or node.lineno) - body[0].lineno + 1


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SHIPPED}

    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    assert [f"{place} {node.name}" for place, node in functions(SHIPPED) if length(node) > 60] == []


def test_functions_are_short_on_the_whole() -> None:
    sizes = sorted(body_length(node) for _, node in functions(SHIPPED))

    assert statistics.mean(sizes) <= 8
    assert sizes[int(len(sizes) * 0.9)] <= 20


def test_no_class_has_more_than_20_public_methods() -> None:
    found = []
    for path in SHIPPED:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                public = {n.name for n in node.body if isinstance(n, Function) and not n.name.startswith("_")}
                if len(public) > 20:
                    found.append(f"{where(path, node)} {node.name}: {len(public)}")

    assert found == []


def offences(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Global):
            yield f"{where(path, node)} global {', '.join(node.names)}"
        elif isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield f"{where(path, node)} bare except"
            elif {"Exception", "BaseException"} & set(re.findall(r"\w+", ast.unparse(node.type))) and silent(node):
                yield f"{where(path, node)} an error is swallowed"


def silent(handler: ast.ExceptHandler) -> bool:
    """True when nothing in the branch raises, calls or keeps anything."""
    told = (ast.Raise, ast.Call, ast.Assign, ast.AugAssign)
    return not any(isinstance(node, told) for statement in handler.body for node in ast.walk(statement))


def test_no_global_no_bare_except_nothing_swallowed() -> None:
    assert [offence for path in SHIPPED for offence in offences(path)] == []


def test_offences_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "def f():\n    global x\n    try:\n        g()\n    except:\n        raise\n"
        "    try:\n        g()\n    except (ValueError, Exception):\n        return None\n"
        "    try:\n        g()\n    except Exception as error:\n        log(error)\n",
        encoding="utf-8",
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)

    assert sorted(offences(bad)) == ["bad.py:2 global x", "bad.py:5 bare except", "bad.py:9 an error is swallowed"]


def test_nothing_is_left_for_later() -> None:
    word = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SHIPPED
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if word.search(line)
    ]

    assert found == []


def test_modules_have_a_subject_and_packages_two_levels() -> None:
    named = [str(path.relative_to(ROOT)) for path in SHIPPED if path.stem in FORBIDDEN_NAMES]
    deep = [str(path.relative_to(ROOT)) for path in SHIPPED if len(path.relative_to(ROOT).parts) > 3]
    full = [path.parent.name for path in (ROOT / "atilite").glob("*/__init__.py") if path.read_text(encoding="utf-8")]
    full = [name for name in full if name not in FACES]

    assert (named, deep, full) == ([], [], [])


def test_environment_and_command_line_are_read_in_one_place() -> None:
    found = []
    for path in SHIPPED:
        name = str(path.relative_to(ROOT))
        if name.startswith("atilite") and not name.startswith(ENVIRONMENT_READERS):
            read = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)]
            found += [where(path, n) for n in read if ast.unparse(n) in ("os.environ", "os.getenv", "sys.argv")]

    assert found == []


def imports(path: Path) -> set[str]:
    """Modules of atilite that this one imports, inside functions too."""
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    package = own.removesuffix(".__init__") if path.stem == "__init__" else own.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            start = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (start, node.module) if part)
            named = {f"{origin}.{alias.name}" for alias in node.names}
            # Who takes modules out of a package takes none of the names that its face has.
            found |= named if all(is_module(name) for name in named) else {origin, *named}
    return found


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def test_no_module_imports_itself_in_a_circle() -> None:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SHIPPED
        if path.relative_to(ROOT).parts[0] == "atilite"
    }
    # The package itself (its __init__ names what a user types) is left out: nothing inside imports it.
    names.pop("atilite", None)
    edges = {name: (imports(path) & set(names)) - {name} for name, path in names.items()}
    while free := [name for name, wanted in edges.items() if not wanted & set(edges)]:
        for name in free:
            del edges[name]
    circle = {name: sorted(wanted & set(edges)) for name, wanted in edges.items()}

    assert circle == {}


def test_unit_tests_do_not_sleep() -> None:
    found = [
        where(path, node)
        for path in TESTS
        if path.relative_to(ROOT / "tests").parts[0] not in PATIENT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "gevent.sleep", "sleep")
    ]

    assert found == []
