"""What is written for Bottle: plugins around a handler, and the response of the thread, on which they set headers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import bottle

from .web.params import Signature, missing


class Route(bottle.Route):  # type: ignore[misc]  # bottle is untyped
    """A route of an app. `facts` are what the pipeline knows of it, their options what a plugin finds in `config`."""

    def __init__(self, facts: dict[str, Any], app: Any, rule: str, method: str, callback: Any, **more: Any) -> None:
        super().__init__(app, rule, method, callback, **more)
        self.facts = facts
        for name, value in facts["options"].items():
            if isinstance(value, dict) and all(isinstance(key, str) for key in value):
                self.config.load_dict({name: value})
            else:
                self.config[name] = value

    @property
    def others(self) -> list[Any]:
        """The plugins of the user, the innermost first."""
        return [plugin for plugin in super().all_plugins() if plugin is not self.app.pipeline]

    def all_plugins(self) -> Iterator[Any]:
        """The user's between what they may give to the handler and the pipeline, which nothing skips."""
        others = self.others
        return iter([demanding, *others, self.app.pipeline] if others else [self.app.pipeline])


def uses_bottle(route: Any) -> bool:
    """Whether a plugin or a hook may set something on Bottle's response."""
    return bool(getattr(route, "others", ()) or any(route.app._hooks.values()))


def signature_of(callback: Callable[..., Any], route: Any) -> Signature:
    """What a request has to bring: what plugins may give is asked for behind them."""
    signature = Signature.of(callback, getattr(route, "facts", {}).get("rule"))
    return replace(signature, required=()) if getattr(route, "others", ()) else signature


def demanding(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The innermost plugin: what neither the client nor a plugin has given is refused before the handler is called."""
    required = Signature.of(handler).required

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        absent = [name for name in required if name not in kwargs]
        if absent:
            raise missing(absent)
        return handler(*args, **kwargs)

    return call if required else handler


def take_over(was: Any) -> None:
    """Move what was set on Bottle's response of this thread to that of `was`."""
    other = bottle.response
    if not (other._headers or other._cookies or other._status_code != 200):
        return
    response = was.response
    if other._status_code != 200:
        response.set_status(other.status_line)
    found = [(name, value) for name, value in other.headerlist if name != "Content-Type" or name in other._headers]
    for name in {name for name, _ in found} - {"Set-Cookie"}:
        response.del_header(name)
    for name, value in found:
        response.add_header(name, value)
    other.bind()


class Step:
    """Around each step of a coroutine: it finds its own request in this thread, and what it sets is taken over."""

    def __init__(self, was: Any) -> None:
        self._was = was

    def __enter__(self) -> None:
        bottle.request.bind(self._was.request.env)
        bottle.response.bind()

    def __exit__(self, *_: object) -> None:
        take_over(self._was)
