"""The part of `was` that makes URLs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ..web.resources import Resource, Resources
from ..web.routes import MissingArgument, TooManyArguments, quoted

Target = str | Callable[..., Any]


def urls_of(was: Any) -> Urls:
    """What makes URLs for the app of `was`, under the prefix that its request came in by."""
    app = was.app
    if not was.request_or_none:
        return Urls(app, quote(app.prefix), {})
    point = _sent(was.env.get("SCRIPT_NAME", ""))
    served_by = was.env.get("bottle.app", app)
    if served_by is not app:  # a handler that another app's handler pipes to
        point = point.removesuffix(quote(served_by.prefix)) + quote(app.prefix)
    return Urls(app, point, {**was.request.PARAMS, **was.request.URL})


def _sent(script_name: str) -> str:
    """The mount point as it stands in a URL: WSGI gives its bytes as a latin-1 text."""
    return script_name if script_name.isascii() and "%" not in script_name else quote(script_name.encode("latin-1"))


class Urls:
    """URLs of one app's resources, and of other apps' as "app:resource"; `current` are the request's parameters."""

    def __init__(self, app: Any, prefix: str, current: Mapping[str, Any]) -> None:
        self._app, self._prefix, self._current = app, prefix, current

    def urlfor(self, target: Target, /, *args: Any, **params: Any) -> str:
        """The URL of a route by name ("index", "sub.pages.toc"), by handler, or of a path ("/index.htm").

        Values without a name go to the handler's parameters in their order; those that are no part of the path become
        the query, None is left out. Raises NameError for a name that no route has or that several have,
        MissingArgument, TooManyArguments, and ValueError for a value that the path could not have.
        """
        urls, name = self._at(target)
        if isinstance(name, str) and name.startswith("/"):
            return urls._prefix + quoted(name)
        resource = urls._resources.find(name)
        return urls._made(resource, {**_placed(resource, args), **params})

    def urlpatch(self, target: Target, /, **changes: Any) -> str:
        """The URL of a route with the parameters of this request that it takes, these changed; None takes one away."""
        urls, name = self._at(target)
        resource = urls._resources.find(name)
        signature = resource.signature
        takes = {*signature.names, *(param.name for param in resource.rule.params)}
        kept = {key: value for key, value in self._current.items() if key in takes or signature.rest}
        return urls._made(resource, {**kept, **changes})

    def baseurl(self, target: Target) -> str:
        """The URL of a route up to its first variable part."""
        urls, name = self._at(target)
        parts = urls._resources.find(name).rule.parts
        literal = parts[0] if parts and isinstance(parts[0], str) else ""
        return urls._prefix + quoted(literal) or "/"

    def urlspec(self, target: Target) -> dict[str, Any]:
        """What a route takes, for a script on the page: `methods`, `path` with `:name` parts, `params`, `args`."""
        urls, name = self._at(target)
        found = urls._resources.find(name).description
        return {**found, "path": urls._prefix + found["path"] or "/"}

    def static(self, path: str) -> str:
        """The URL of a static file. Raises ValueError for a path that begins with a slash."""
        return self._file(path, "STATIC_URL", "/")

    def media(self, path: str) -> str:
        """The URL of a media file. Raises ValueError for a path that begins with a slash, LookupError for no folder."""
        return self._file(path, "MEDIA_URL", None)

    @property
    def _resources(self) -> Resources:
        found: Resources = self._app.pipeline.resources
        return found

    def _made(self, resource: Resource, params: Mapping[str, Any]) -> str:
        parts, signature = resource.rule.params, resource.signature
        last = parts[-1].name if parts else ""
        if last and params.get(last) is None and last not in signature.defaults:
            raise MissingArgument(f"{resource.rule.text!r} needs {last}")
        return self._prefix + resource.rule.build(**params) or "/"

    def _file(self, path: str, setting: str, default: str | None) -> str:
        app, colon, rest = path.partition(":")
        urls = self._other(app) if colon else None
        if urls is not None:
            return urls._file(rest, setting, default)
        if path.startswith("/"):
            raise ValueError(f"{path!r} begins with '/'; give the path below the folder")
        folder = self._app.config.get(setting) or default
        if folder is None:
            raise LookupError("this app has no media folder; say pref.set_media(url, path)")
        return f"{self._prefix}{str(folder).rstrip('/')}/{quoted(path)}"

    def _at(self, target: Target) -> tuple[Urls, Target]:
        """The app that "app:resource" means, and the resource."""
        if not isinstance(target, str) or target.startswith("/") or ":" not in target:
            return self, target
        name, _, rest = target.partition(":")
        urls = self._other(name)
        if urls is None:
            raise NameError(f"no app is called {name!r}, which {target!r} is to be of")
        return urls, rest

    def _other(self, name: str) -> Urls | None:
        """Another app's URLs, under the same outer prefix."""
        app = other_app(self._app, name)
        if app is None:
            return None
        outer = self._prefix.removesuffix(quote(self._app.prefix))
        return Urls(app, outer + quote(app.prefix), self._current)


def other_app(app: Any, name: str) -> Any:
    """The app of that name beside `app`, None if there is none."""
    return app.site.apps.get(name) if app.site is not None else None


def _placed(resource: Resource, args: tuple[Any, ...]) -> dict[str, Any]:
    names = resource.signature.names or tuple(param.name for param in resource.rule.params)
    if len(args) > len(names):
        raise TooManyArguments(f"{resource.name!r} takes {len(names)} values, {len(args)} were given")
    return dict(zip(names, args, strict=False))
