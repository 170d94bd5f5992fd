"""Where Python code declares a part of a plan: file and line of a class, of its attributes, and of what is in these."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Origin(NamedTuple):
    """A line of a Python file."""

    file: str
    line: int


def caller(above: int = 0) -> Origin:
    """The line that called the function that asks, or `above` so many callers of it."""
    found = sys._getframe(2 + above)
    return Origin(found.f_code.co_filename, found.f_lineno)


class ClassLines:
    """The lines of a class and of the classes in it. Where the source is not at hand, all are the line of `origin`."""

    def __init__(self, name: str, origin: Origin) -> None:
        self._origin = origin
        self._class = _nearest(name, origin)

    def line(self, names: Sequence[str] = (), attribute: str = "", at: int = 0) -> int:
        """The line of an attribute of the class that is reached by `names`, or of the element `at` of its list."""
        node = self._node(names, attribute, at)
        return node.lineno if node is not None else self._origin.line

    def text(self, names: Sequence[str], attribute: str, at: int) -> str:
        """The code of the element `at`, empty if it is not known."""
        node = self._node(names, attribute, at)
        return ast.unparse(node) if isinstance(node, ast.expr) else ""

    def _node(self, names: Sequence[str], attribute: str, at: int) -> ast.stmt | ast.expr | None:
        node: ast.ClassDef | None = self._class
        for name in names:
            inner = [one for one in node.body if isinstance(one, ast.ClassDef) and one.name == name] if node else []
            if not inner:
                return node
            node = inner[-1]
        found = [_element(one, attribute, at) for one in node.body] if node else []
        return next((one for one in found if one is not None), node)


def _element(statement: ast.stmt, attribute: str, at: int) -> ast.stmt | ast.expr | None:
    """What a statement gives to an attribute: the element of a list, or all of it."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return statement if statement.name == attribute else None
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return None
    if not any(isinstance(target, ast.Name) and target.id == attribute for target in targets):
        return None
    value = statement.value
    if isinstance(value, ast.List | ast.Tuple):
        return value.elts[at] if at < len(value.elts) else statement
    return value


def _nearest(name: str, origin: Origin) -> ast.ClassDef | None:
    """The class of this name that is nearest to a line: there may be several in a file of tests."""
    try:
        tree = ast.parse("".join(linecache.getlines(origin.file)))
    except SyntaxError:  # what was typed at a prompt, or a file that has changed since
        return None
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    return min(classes, key=lambda node: abs(node.lineno - origin.line), default=None)
