"""Signing in and out."""

from __future__ import annotations

from dataclasses import field

from atilite.console.plain import HTML_ONLY
from atilite.quickly import dataclass

ADD_USER = "python serve.py user add NAME --role admin"


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The form to sign in; `next` is where to go afterwards."""

    next: str = ""
    user: str = ""
    error: str = ""
    plain_http: bool = False
    add_user: str = field(default=ADD_USER, metadata=HTML_ONLY)

    @property
    def title(self) -> str:
        """The page's title begins with the word Error when there is one."""
        return "Error: Sign in" if self.error else "Sign in"
