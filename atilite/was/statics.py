"""The part of `was` that answers with static files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..errors import Error
from ..web.compression import vary
from ..web.response import Response
from ..web.static import StaticFiles
from .urls import other_app

Folder = tuple[str, StaticFiles]
# Headers that say what the file is; a handler's own would be wrong.
_OF_FILE = frozenset(("etag", "last-modified", "content-encoding", "content-range", "content-length", "accept-ranges"))


class Statics:
    """Answers with static files: 200 with validators and type, 206, 304, 412 or 416 as the request asks for.

    A path that leads out of its folder finds nothing, so it may come from the request. Raises Error 404 where there is
    no such file. They read the disk: not on the loop.
    """

    def __init__(self, was: Any) -> None:
        self._was = was

    def static(self, path: str) -> Response:
        """`was.Static("img/logo.png")`: the file that `was.static("img/logo.png")` is the URL of.

        "/robots.txt" is below the app's mount point instead, "app:img/logo.png" another app's.
        """
        return self._below("STATIC", "/", path)

    def media(self, path: str) -> Response:
        """`was.Media("photo.jpg")`: the same for the folder of `pref.set_media`. Raises LookupError without one."""
        return self._below("MEDIA", None, path)

    def mounted(self, uri: str) -> Response:
        """`was.MountedFile("/files/x.pdf")`: the file at a URL of the site, in an app's folder or a mounted one."""
        was, path = self._was, unquote(uri.partition("?")[0])
        site = was.app.site
        if site is None:
            return self._find(_folders(was.app), path)
        outer = was.env.get("SCRIPT_NAME", "").removesuffix(quote(was.app.prefix))
        path = path.removeprefix(outer)
        mounted = site.find(path)
        if mounted is None:
            raise Error(404, "there is no such file")
        if mounted.app is not None:
            return self._find(_folders(mounted.app), path[len(mounted.prefix) :])
        return self._find([(mounted.prefix + "/", mounted.wsgi)] if isinstance(mounted.wsgi, StaticFiles) else [], path)

    def _below(self, kind: str, default: str | None, path: str) -> Response:
        app = self._was.app
        name, colon, rest = path.partition(":")
        other = other_app(app, name) if colon else None
        if other is not None:
            app, path = other, rest
        url = app.config.get(f"{kind}_URL") or default
        if url is None:
            raise LookupError("this app has no media folder; say pref.set_media(url, path)")
        return self._find(_folders(app), path if path.startswith("/") else f"{url.rstrip('/')}/{path}")

    def _find(self, folders: Iterable[Folder], path: str) -> Response:
        for url, files in folders:
            found = files.find(path[len(url) :]) if path.startswith(url) else None
            if found is not None:
                return self._answer(files, found)
        raise Error(404, "there is no such file")

    def _answer(self, files: StaticFiles, found: str) -> Response:
        was = self._was
        base: Response | None = was.__dict__.get("response")
        plain = base is None or base.status_code == 200
        asked = plain and was.env["REQUEST_METHOD"] in ("GET", "HEAD")
        # Conditions and ranges are about what a GET of this URL answers.
        answer = files.send(found, was.env if asked else {"REQUEST_METHOD": "POST"})
        if base is not None:
            own = {name.lower() for name, _ in base.headers} - _OF_FILE
            depends = "vary" in own and "Vary" in answer
            answer.headers = [header for header in answer.headers if header[0].lower() not in own]
            if depends:
                answer.add_header("Vary", base["Vary"])
                vary(answer.headers)
            if not plain:
                answer.status = base.status
        return answer


def _folders(app: Any) -> list[Folder]:
    """Where an app has its files, also when a proxy serves them (--disable-static)."""
    if app.static_folders or app.site is None:
        return list(app.static_folders)
    config, abspath = app.config, app.site.abspath
    roots = [(config.get(f"{kind}_URL"), config.get(f"{kind}_ROOT")) for kind in ("STATIC", "MEDIA")]
    return [(f"{url.rstrip('/')}/", StaticFiles(Path(abspath(root)))) for url, root in roots if url and root]
