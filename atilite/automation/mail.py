"""Mail by SMTP. Blocks: for ordinary threads."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Literal
from urllib.parse import parse_qs

from atilite.automation.notice import Message
from atilite.errors import SetupError
from atilite.lazily import LazyModule
from atilite.quickly import dataclass

# Loaded with the first mail.
smtplib: Any = LazyModule("smtplib")

SUBMISSION, SECURE = 587, 465
TIMEOUT = 30.0  # seconds for each step of the talk with the server

Security = Literal["starttls", "ssl", "none"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `ca` is a file with authorities of one's own; `to` are the receivers."""

    host: str
    port: int
    to: tuple[str, ...]
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    security: Security = "starttls"
    ca: str | None = None
    timeout: float = TIMEOUT

    @classmethod
    def of(
        cls, name: str, host: str, port: int | None, user: str, password: str, query: str, options: Mapping[str, Any]
    ) -> MailServer:
        """Read the alias `name`. `query` is what follows the "?" of its address. Raises SetupError.

        Without a word on `tls` port 465 speaks TLS from the start and every other port STARTTLS; a server that does
        not know it gets neither password nor mail, unless `tls=none` says that one knows.
        """
        given = {key: values[-1] for key, values in parse_qs(query.removeprefix("?")).items()} | dict(options)
        unknown = given.keys() - {"to", "from", "tls", "ca", "timeout"}
        if unknown:
            raise SetupError(f"{name}: no such option: {', '.join(sorted(unknown))}; known: to, from, tls, ca, timeout")
        listed = given.get("to", "")
        receivers = listed.split(",") if isinstance(listed, str) else list(listed)
        to = tuple(one.strip() for one in receivers if one.strip())
        if not to or not all("@" in one and not set(one) & set("\r\n<>") for one in to):
            raise SetupError(f"{name}: say who gets the mail: host:587?to=ana@example.org")
        security: Any = given.get("tls") or ("ssl" if port == SECURE else "starttls")
        if security not in ("starttls", "ssl", "none"):
            raise SetupError(f"{name}: tls is starttls, ssl or none, not {security!r}")
        sender = given.get("from") or (user if "@" in user else to[0])
        number = port or (SECURE if security == "ssl" else SUBMISSION)
        seconds = float(given.get("timeout", TIMEOUT))
        return cls(host, number, to, sender, user, password, security, given.get("ca"), seconds)

    def send(self, message: Message) -> None:
        """Hand a message over. Raises OSError or smtplib.SMTPException if the server does not take it. Blocks."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.to)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self.sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"  # so that no "I am on holiday" comes back
        mail.set_content(message.text)
        with self._connect() as connection:
            if self.user:
                connection.login(self.user, self.password)
            refused = connection.send_message(mail, self.sender, self.to)
        if refused:
            raise OSError(f"the server did not take it for {', '.join(refused)}")

    def _connect(self) -> Any:
        if self.security == "none":
            return smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        context = importlib.import_module("ssl").create_default_context(cafile=self.ca)
        if self.security == "ssl":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        connection = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
        return connection
