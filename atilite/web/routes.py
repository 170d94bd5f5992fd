"""Route rules: two spellings, one meaning. Pure.

`/items/<int:id>` takes digits or one of the words me, notme, new, which arrive as texts; `<id:int>` is Bottle's
spelling and keeps Bottle's meaning: any whole number and no words. `<name>` is one segment, `<path:rest>` and
`<rest:path>` take slashes as well. A rule is compiled to one that Bottle's router understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

from atilite.errors import AtiliteError, SetupError
from atilite.quickly import dataclass

WORDS = ("me", "notme", "new")
_DIGITS = "[0-9]{1,300}"  # longer ones would become infinite floats
_REAL = "[0-9]{1,300}(?:[.][0-9]{0,300})?|[.][0-9]{1,300}"
_WORDS = "|".join(WORDS)
_KINDS = {
    "str": "[^/]+",
    "int": f"{_DIGITS}|{_WORDS}",
    "float": f"{_REAL}|{_WORDS}",
    "path": r"[\s\S]+",
}
_BOTTLE_NUMBERS = {"int": f"-?{_DIGITS}", "float": f"-?(?:{_REAL})"}
_WILDCARD = re.compile(r"<([^<>:]*)(?::([^<>:]*)(?::((?:\\.|[^\\>])*))?)?>")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class MissingArgument(AtiliteError, LookupError):
    """A URL was asked for without one of the values that stand in its path."""


class TooManyArguments(AtiliteError, TypeError):
    """A URL was asked for with more positional values than its path has places."""


class Param(NamedTuple):
    """One variable part of a path.

    `kind` is str, int, float, path, re or the name of one of the app's own Bottle filters; `config` is what
    follows a second colon; `words` tells whether me, notme and new are accepted in place of a number.
    """

    name: str
    kind: str = "str"
    config: str = ""
    words: bool = False

    @property
    def pattern(self) -> str:
        if self.kind == "re":
            return self.config
        if self.kind in _BOTTLE_NUMBERS and not self.words:
            return _BOTTLE_NUMBERS[self.kind]
        return _KINDS.get(self.kind, "[^/]+")

    @property
    def builtin(self) -> bool:
        """Whether its kind is not one of the app's own."""
        return self.kind in _KINDS or self.kind == "re"

    @property
    def bottle(self) -> str:
        """The wildcard as Bottle's router wants it."""
        if self.builtin:
            return f"<{self.name}:re:{self.pattern}>"
        return f"<{self.name}:{self.kind}:{self.config}>" if self.config else f"<{self.name}:{self.kind}>"

    def fits(self, text: str) -> bool:
        """Tell whether a path may have this text here. A filter of the app's own is not asked."""
        return not self.builtin or re.fullmatch(self.pattern, text) is not None

    def convert(self, text: str) -> object:
        """Turn the matched text into the handler's value."""
        if self.kind not in ("int", "float") or (self.words and text in WORDS):
            return text
        return int(text) if self.kind == "int" else float(text)

    def write(self, value: object) -> str:
        """Return `value` as it stands in a URL; raises ValueError for one that this part cannot match."""
        text = format(value, "f") if self.kind == "float" and isinstance(value, float) else str(value)
        if not self.fits(text):
            raise ValueError(f"{text!r} does not fit <{spelled(self)}>")
        return quote(text, safe="/" if self.kind in ("path", "re") else "")


def spelled(param: Param) -> str:
    """The part as a rule has it, without its brackets."""
    if param.words or param.kind in ("str", "path"):
        return f"{param.kind}:{param.name}"
    return ":".join(word for word in (param.name, param.kind, param.config) if word)


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule. `parts` are literal texts and Params in the order of the path."""

    text: str
    parts: tuple[str | Param, ...]
    params: tuple[Param, ...] = field(init=False, repr=False, compare=False)
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(part for part in self.parts if isinstance(part, Param)))
        pattern = "".join(
            _literal(part) if isinstance(part, str) else f"(?P<{part.name}>{part.pattern})" for part in self.parts
        )
        try:
            object.__setattr__(self, "_regex", re.compile(pattern))
        except re.error as error:
            raise SetupError(f"route {self.text!r}: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Parse either spelling. Raises SetupError that says what is wrong with the rule."""
        if text and not text.startswith("/"):
            raise SetupError(f"route {text!r} must be blank or start with '/'")
        if "\\" in _WILDCARD.sub("", text):
            raise SetupError(f"route {text!r} contains a backslash, which no URL can")
        return cls(text, tuple(_parts(text)))

    @property
    def static(self) -> bool:
        return not self.params

    @property
    def bottle(self) -> str:
        """The rule for Bottle's router."""
        # Bottle would take a plain colon for the beginning of its oldest, deprecated wildcard.
        return "".join(part.replace(":", "<:re:[:]>") if isinstance(part, str) else part.bottle for part in self.parts)

    @property
    def short(self) -> Rule | None:
        """The rule without its last part, if that is a whole segment of its own; else None."""
        if len(self.parts) < 2 or not isinstance(self.parts[-1], Param):
            return None
        before = self.parts[-2]
        if not isinstance(before, str) or not before.endswith("/"):
            return None
        literal = before[:-1] or ("/" if len(self.parts) == 2 else "")
        parts = (*self.parts[:-2], literal) if literal else self.parts[:-2]
        return Rule("".join(p if isinstance(p, str) else f"<{p.kind}:{p.name}>" for p in parts), parts)

    def matches(self, path: str) -> bool:
        """Tell whether a decoded `path` is this rule's."""
        return self._regex.fullmatch(path) is not None

    def match(self, path: str) -> dict[str, object] | None:
        """Return the values in a decoded `path`, or None if it is not this rule's."""
        found = self._regex.fullmatch(path)
        return self.values(found.groupdict()) if found else None

    def values(self, texts: Mapping[str, str], sent_path: str = "") -> dict[str, object]:
        """Convert the texts that a router matched.

        In a `<name>` part a plus sign means a space. `sent_path` is the path as it was sent, still
        percent-encoded, or is "" if nobody knows: a plus sign sent as %2B stays one.
        """
        if not texts:
            return {}
        values = {param.name: param.convert(texts[param.name]) for param in self.params}
        if any("+" in str(text) for text in texts.values()):  # one of the app's own kinds may be converted by now
            sent = self._regex.fullmatch(unquote(sent_path.replace("+", " ")))
            for param in self.params:
                if param.kind == "str":
                    text = texts[param.name]
                    values[param.name] = sent[param.name] if sent else text.replace("+", " ")
        return values

    def build(self, /, *args: object, **params: object) -> str:
        """Return the path, percent-encoded, with these values, and the values that are no part of it as query.

        Positional values fill the path from the left. None means not given. The last part may be missing if it
        can be left out of the URL. Raises MissingArgument, TooManyArguments, or ValueError for a value that
        would not match.
        """
        names = [param.name for param in self.params]
        if len(args) > len(names):
            raise TooManyArguments(f"{self.text!r} has {len(names)} places in its path, {len(args)} values were given")
        given = {**params, **dict(zip(names, args, strict=False))}
        values = {name: value for name, value in given.items() if value is not None}
        missing = [name for name in names if name not in values]
        rule = self
        if missing and missing == names[-1:] and self.short:
            rule = self.short
        elif missing:
            raise MissingArgument(f"{self.text!r} needs {', '.join(missing)}")
        path = "".join(quoted(p) if isinstance(p, str) else p.write(values.pop(p.name)) for p in rule.parts)
        return f"{path}?{query(values)}" if values else path


def query(values: Mapping[str, object]) -> str:
    """Encode a query string; lists repeat their name, None is left out, truth values are true and false."""
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        many = value if isinstance(value, (list, tuple, set)) else (value,)
        pairs.extend((name, _text(item)) for item in many if item is not None)
    return urlencode(pairs)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(literal: str) -> str:
    """Return a decoded path as it stands in a URL."""
    return quote(literal, safe="/:@!$&'()*,;=~")


def _literal(text: str) -> str:
    # A plus sign of the rule itself must also match in a path whose plus signs were read as spaces.
    return re.escape(text).replace(r"\+", "[+ ]")


def _parts(text: str) -> Iterator[str | Param]:
    seen: set[str] = set()
    end = 0
    for found in _WILDCARD.finditer(text):
        if found.start() > end:
            yield _checked(text, text[end : found.start()])
        param = _param(text, *found.groups())
        if param.name in seen:
            raise SetupError(f"route {text!r} names {param.name!r} twice")
        seen.add(param.name)
        yield param
        end = found.end()
    if end < len(text):
        yield _checked(text, text[end:])


def _checked(text: str, literal: str) -> str:
    if "<" in literal or ">" in literal:
        raise SetupError(f"route {text!r} has a bracket that is not closed or opened")
    return literal


def _param(text: str, first: str, second: str | None, config: str | None) -> Param:
    """Tell the two spellings apart: a known kind in front is the `<int:id>` one."""
    if second is None:
        name, kind, words = first, "str", False
    elif config is None and first in _KINDS:
        name, kind, words = second, first, first in ("int", "float")
    else:
        name, kind, words = first, second or "str", False
    if not _NAME.fullmatch(name):
        raise SetupError(f"route {text!r}: {name!r} is no name for a parameter")
    if kind == "re" and not config:
        raise SetupError(f"route {text!r}: <{name}:re:...> needs a pattern after the second colon")
    return Param(name, kind, config or "", words)
