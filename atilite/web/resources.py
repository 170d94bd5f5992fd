"""The routes of one app as its program knows them: by name, by the end of a dotted name, by handler."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from atilite.errors import Error
from atilite.web.params import Signature
from atilite.web.routes import Rule, spelled


class Resource:
    """One declared route: its name, its rule, its handler, its methods, its options and those of its mount."""

    def __init__(
        self,
        name: str,
        rule: Rule,
        function: Callable[..., Any],
        methods: Sequence[str],
        options: Mapping[str, Any],
        mntopt: Mapping[str, Any],
    ) -> None:
        self.name, self.rule, self.function = name, rule, function
        self.methods, self.options, self.mntopt = list(methods), options, mntopt

    @cached_property
    def signature(self) -> Signature:
        """What the handler takes."""
        return Signature.of(self.function, self.rule)

    @cached_property
    def routable(self) -> dict[str, Any]:
        """What `was.request.routable` tells: the options as they were written, and what follows from them."""
        signature = self.signature
        return {
            "content_types": None,
            **self.options,
            "options": self.options,
            "methods": self.methods,
            "args": list(signature.names),
            "defaults": dict(signature.defaults),
            "urlargs": [param.name for param in self.rule.params],
            "route": self.rule.text,
            "name": self.name,
            "func_id": f"{self.function.__module__}.{getattr(self.function, '__qualname__', self.name)}",
            "mntopt": self.mntopt,
        }

    @property
    def description(self) -> dict[str, Any]:
        """The methods, the path with `:name` for its parts, their names, and what each argument demands."""
        signature = self.signature
        return {
            "methods": self.methods,
            "path": "".join(part if isinstance(part, str) else f":{part.name}" for part in self.rule.parts),
            "params": [param.name for param in self.rule.params],
            "args": {
                name: {"default": signature.defaults[name]} if name in signature.defaults else {"required": True}
                for name in signature.names
            },
        }

    def bind(self, args: tuple[Any, ...], params: Mapping[str, Any], strict: bool = True) -> dict[str, Any]:
        """Return the keyword arguments for a call inside the program, checked as those of a request are.

        Raises Error 400 as `Signature.bind` does, also for a value that the path could not have.
        """
        placed = self.signature.place(args)
        twice = [name for name in placed if name in params]
        if twice:
            raise Error(400, f"parameter `{twice[0]}` is given twice", fields=dict.fromkeys(twice, "is given twice"))
        given = {**placed, **params}
        for param in self.rule.params:
            value = given.get(param.name)
            if isinstance(value, str):
                if not param.fits(value):
                    reason = f"does not fit <{spelled(param)}>"
                    raise Error(400, f"parameter `{param.name}` {reason}", fields={param.name: reason})
                given[param.name] = param.convert(value)
        return self.signature.bind(given, strict)


class Resources:
    """Filled at set-up, only read afterwards."""

    def __init__(self) -> None:
        self._by_name: dict[str, Resource] = {}
        self._all: list[Resource] = []

    def add(self, resource: Resource) -> None:
        """Enter a route. The first one of a name keeps it: the others differ by method or add another path."""
        self._by_name.setdefault(resource.name, resource)
        self._all.append(resource)

    def arrange(self, order: Callable[[Resource], int]) -> None:
        """Sort the routes: where several have one name, the first of them keeps it."""
        self._all.sort(key=order)
        self._by_name = {}
        for resource in self._all:
            self._by_name.setdefault(resource.name, resource)

    def __iter__(self) -> Any:
        return iter(self._all)

    def find(self, target: str | Callable[..., Any]) -> Resource:
        """Return the route of a handler, or of a name; a unique end of a dotted name is enough.

        Raises NameError if there is none, or if several end so.
        """
        if not isinstance(target, str):
            return self._of_function(target)
        if target in self._by_name:
            return self._by_name[target]
        found = [name for name in self._by_name if name.endswith("." + target)]
        if len(found) > 1:
            raise NameError(f"several routes end in {target!r}: {', '.join(sorted(found))}")
        if not found:
            known = ", ".join(sorted(self._by_name)) or "none"
            raise NameError(f"no route is called {target!r} (known: {known})")
        return self._by_name[found[0]]

    def _of_function(self, function: Callable[..., Any]) -> Resource:
        for resource in self._all:
            if resource.function is function:
                return resource
        inner = inspect.unwrap(function)
        for resource in self._all:
            if inspect.unwrap(resource.function) is inner:
                return resource
        raise NameError(f"{getattr(function, '__qualname__', function)} is no handler of a route of this app")
