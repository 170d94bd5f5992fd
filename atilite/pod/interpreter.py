"""Python that is typed line by line, with `await` at its top level, and without the process's own output."""

from __future__ import annotations

import ast
import codeop
import inspect
import io
import pydoc
import traceback
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

NAME = "<console>"
SHOW = "__show__"
FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Interpreter:
    """Compiles what is typed and runs it in one namespace. One line at a time, from whichever thread.

    What it has to show goes to `write(text)`, and so does what `print` there prints.
    """

    def __init__(self, names: Mapping[str, Any], write: Callable[[str], object]) -> None:
        self.write = write
        self.names: dict[str, Any] = {
            "__name__": "__console__",
            SHOW: self._show,
            "print": self._print,
            "help": self._help,
            "input": _refuse_input,
            # Those of the interpreter would close the standard input of the whole process.
            "exit": _end,
            "quit": _end,
            **names,
        }
        self._compile = codeop.CommandCompiler()
        self._compile.compiler.flags |= FLAGS

    def compiled(self, source: str) -> CodeType | None:
        """The code of what was typed so far; None if it goes on. Raises SyntaxError, ValueError, OverflowError."""
        if self._compile(source, NAME, "single") is None:
            return None
        flags = self._compile.compiler.flags
        typed = compile(source, NAME, "single", flags | ast.PyCF_ONLY_AST)
        shown = ast.Module([_Showing().visit(statement) for statement in typed.body], [])
        code: CodeType = compile(ast.fix_missing_locations(shown), NAME, "exec", flags)
        return code

    def run(self, code: CodeType) -> bool:
        """Run what does not wait; False if it ends the session. An error is shown."""
        try:
            eval(code, self.names)
        except SystemExit:
            return False
        except Exception as error:
            self.tell(error)
        return True

    async def wait(self, code: CodeType) -> bool:
        """Run what has an `await` in it; False if it ends the session. An error is shown."""
        try:
            await eval(code, self.names)
        except SystemExit:
            return False
        except Exception as error:
            self.tell(error)
        return True

    def tell(self, error: BaseException) -> None:
        """Show an error with the part of its traceback that belongs to what was typed."""
        frame = error.__traceback__
        while frame is not None and frame.tb_frame.f_code.co_filename != NAME:
            frame = frame.tb_next
        self.write("".join(traceback.format_exception(type(error), error, frame)))

    def _show(self, value: Any) -> None:
        if value is not None:
            self.write(f"{value!r}\n")
            self.names["_"] = value

    def _print(self, *values: Any, file: Any = None, **how: Any) -> None:
        printed = io.StringIO()
        print(*values, file=file or printed, **how)
        self.write(printed.getvalue())

    def _help(self, thing: Any) -> None:
        self.write(pydoc.plain(pydoc.render_doc(thing)) + "\n")


def waits(code: CodeType) -> bool:
    """Whether there is an `await` at its top level."""
    return bool(code.co_flags & inspect.CO_COROUTINE)


class _Showing(ast.NodeTransformer):
    """Shows the value of each expression that stands alone: by a call, because `sys.displayhook` is the process's."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        call = ast.Call(ast.Name(SHOW, ast.Load()), [node.value], [])
        return ast.copy_location(ast.Expr(ast.copy_location(call, node)), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node


def _end(code: object = None) -> None:
    raise SystemExit(code)


def _refuse_input(*_: object) -> str:
    raise RuntimeError("there is nothing to read from here; write the value into the line")
