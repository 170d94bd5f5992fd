"""The part of `was` that protects forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..errors import Error


@dataclass(frozen=True, slots=True)
class FormToken:
    """A page's CSRF token, and the hidden field that carries it."""

    value: str

    @property
    def field(self) -> Markup:
        """The field as safe HTML."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.value)


def form_token(was: Any) -> FormToken:
    """The token for the page that answers this request; its cookie, if it needs one, goes out with the answer."""
    site = was.app.site
    if site is None:
        raise Error(500, "CSRF tokens need a site: start the app with atilite.run")
    token = site.access.form_token(was.env, was.identity)
    if token.cookie is not None:
        was.__dict__.setdefault("extra_headers", []).append(("Set-Cookie", token.cookie))
    return FormToken(token.value)
