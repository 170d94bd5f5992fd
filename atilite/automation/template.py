"""The command line of a program with `{placeholders}`: no shell reads it, so no value can become a command. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from atilite.automation.values import shown
from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.quickly import dataclass
from atilite.uploads import Upload

if TYPE_CHECKING:
    import shlex
else:
    shlex = LazyModule("shlex")

# {name}, or {name:words}: the words when the value is true, nothing when it is not. Doubled braces are braces.
_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)(?::([^{}]*))?\}|[{}]")
_OPERATORS = re.compile(r"^(\|\|?|&&?|;|\d*(>>?|<)(&\d+)?)$")
# Programs that take a program of their own after one of these flags.
_INTERPRETERS = re.compile(r"^(sh|a?sh|bash|dash|zsh|ksh|fish|busybox|python[\d.]*|perl|ruby|node|php|awk|env)$")
_CODE = re.compile(r"^-\w*[ce]$")

Piece = tuple[str, str | None]  # a text and None, or the name of a placeholder and its words ("": its value)


@dataclass(frozen=True, slots=True)
class Template:
    """A command line, cut into words once, at set-up; each word stays one argument whatever is put into it."""

    text: str
    words: tuple[tuple[Piece, ...], ...]

    @classmethod
    def of(cls, where: str, text: str) -> Template:
        """Cut `text` as a shell would. Raises SetupError, which begins with `where`, for what would need a shell."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise SetupError(f"{where}: {text!r} cannot be cut into words: {error}") from None
        if not words:
            raise SetupError(f"{where}: there is no program in {text!r}")
        pieces = tuple(_pieces(where, word) for word in words)
        _refuse_shell(where, words, pieces)
        return cls(text, pieces)

    @classmethod
    def of_text(cls, where: str, text: str) -> Template:
        """A text that is no command line: the value of an environment variable, what goes to stdin."""
        return cls(text, (_pieces(where, text),))

    @property
    def names(self) -> frozenset[str]:
        """The names of the placeholders."""
        return frozenset(name for word in self.words for name, words in word if words is not None)

    @property
    def exposed(self) -> frozenset[str]:
        """The placeholders that begin a word which the program could take for an option: one before any `--`."""
        found = set()
        for word in self.words:
            if word == (("--", None),):
                break
            if word and word[0][1] == "":
                found.add(word[0][0])
        return frozenset(found)

    def fill(self, values: Mapping[str, Any]) -> list[str]:
        """Return the arguments of the program. A word that is nothing but a placeholder without a value is left out."""
        return [
            "".join(piece if words is None else _said(values[piece], words) for piece, words in word)
            for word in self.words
            if not (word and all(_is_silent(piece, values) for piece in word))
        ]


def _is_silent(piece: Piece, values: Mapping[str, Any]) -> bool:
    name, words = piece
    # An empty text that was given is an argument; only what has no value is none.
    return words is not None and (values[name] is None or (words != "" and not values[name]))


def _said(value: Any, words: str) -> str:
    if words:
        return words if value else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.path if isinstance(value, Upload) else str(shown(value))


def _pieces(where: str, word: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    end = 0
    for found in _PLACE.finditer(word):
        _add_text(pieces, word[end : found.start()])
        end = found.end()
        sign, name = found.group(), found.group(1)
        if name is not None:
            pieces.append((name, found.group(2) or ""))
        elif sign in ("{{", "}}"):
            _add_text(pieces, sign[0])
        else:
            raise SetupError(f"{where}: {word!r} has a single {sign!r}; write it twice, or name a parameter: {{name}}")
    _add_text(pieces, word[end:])
    return tuple(pieces)


def _add_text(pieces: list[Piece], text: str) -> None:
    if text and pieces and pieces[-1][1] is None:
        pieces[-1] = (pieces[-1][0] + text, None)
    elif text:
        pieces.append((text, None))


def _refuse_shell(where: str, words: list[str], pieces: tuple[tuple[Piece, ...], ...]) -> None:
    operator = next((word for word in words if _OPERATORS.match(word)), None)
    if operator is not None:
        raise SetupError(
            f"{where}: {operator!r} is for a shell, and none reads this; say sh -c '...' and pass the values after it"
        )
    if any(words is not None for _, words in pieces[0]):
        raise SetupError(f"{where}: the program itself is a placeholder, so whoever runs the action would choose it")
    if not _INTERPRETERS.match(words[0].rpartition("/")[2]):
        return
    for flag, code in zip(words[1:], pieces[2:], strict=False):
        if _CODE.match(flag) and any(words is not None for _, words in code):
            raise SetupError(
                f"{where}: a value inside the code after {flag} would be run as code; pass it after the code, as in "
                "sh -c 'echo \"$1\"' - {text}"
            )


def guarded(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `check`, which refuses as well what a program would take for an option."""

    def checked(raw: Any) -> Any:
        value = check(raw)
        if isinstance(value, str) and value.startswith("-"):
            raise ValueError("must not begin with -")
        return value

    return checked
