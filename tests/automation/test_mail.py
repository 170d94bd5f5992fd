"""Mail to a server of our own."""

from __future__ import annotations

import queue
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from atilite.automation.mail import MailServer
from atilite.automation.notice import Message, Notice
from atilite.errors import SetupError
from tests.resources.authority import Authority

MESSAGE = Message("böard", (Notice("failed", "Water", "failed", datetime(2024, 5, 1, tzinfo=UTC), "gönе\n.\nlast"),))


class Post:
    """A mail server; what it was handed is in `mails`."""

    def __init__(self, **options: Any) -> None:
        self.mails: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.logins: list[tuple[str, str]] = []
        self.refuse = ""
        self._controller = Controller(self, hostname="127.0.0.1", port=0, authenticator=self._authenticate, **options)
        self._controller._trigger_server = self._knock  # it would knock at port 0
        self._controller.start()
        self.port: int = self._controller.server.sockets[0].getsockname()[1]

    def _knock(self) -> None:
        address = self._controller.server.sockets[0].getsockname()
        socket.create_connection(address, timeout=20).close()

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        name, password = data.login.decode(), data.password.decode()
        self.logins.append((name, password))
        return AuthResult(success=password == "right", handled=False)

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address == self.refuse:
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.mails.put((envelope, session.ssl is not None))
        return "250 OK"

    def next(self) -> tuple[Any, Any, bool]:
        envelope, encrypted = self.mails.get(timeout=20)
        return envelope, message_from_bytes(envelope.content, policy=policy.default), encrypted

    def stop(self) -> None:
        self._controller.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def post() -> Iterator[Callable[..., Post]]:
    opened: list[Post] = []

    def make(**options: Any) -> Post:
        opened.append(Post(**options))
        return opened[-1]

    yield make
    for one in opened:
        one.stop()


def context(authority: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*authority.certificate("IP:127.0.0.1"))
    return made


def server(port: int, query: str = "?to=ana@example.org", **options: Any) -> MailServer:
    return MailServer.of("@mail", "127.0.0.1", port, "me@example.org", "right", query, options)


@pytest.mark.row("M11")
def test_mail_goes_by_starttls_with_user_and_password(post: Callable[..., Post], authority: Authority):
    office = post(tls_context=context(authority), require_starttls=True, auth_require_tls=True)
    server(office.port, "?to=ana@example.org,bob@example.org", ca=authority.file).send(MESSAGE)
    envelope, mail, encrypted = office.next()
    assert encrypted
    assert office.logins == [("me@example.org", "right")]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("me@example.org", ["ana@example.org", "bob@example.org"])
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"]
    assert mail.get_content().replace("\r\n", "\n").strip() == MESSAGE.text.strip()


@pytest.mark.row("M11")
def test_mail_goes_by_tls_from_the_start(post: Callable[..., Post], authority: Authority):
    made = context(authority)

    class Secure(Post):
        """Speaks TLS before anything else."""

    office = Secure(ssl_context=made, auth_require_tls=False)
    try:
        server(office.port, "?to=ana@example.org&tls=ssl", ca=authority.file).send(MESSAGE)
        assert office.next()[0].rcpt_tos == ["ana@example.org"]
    finally:
        office.stop()


def test_a_server_without_starttls_gets_neither_password_nor_mail(post: Callable[..., Post]):
    office = post(auth_require_tls=False)
    with pytest.raises(smtplib.SMTPNotSupportedError):
        server(office.port).send(MESSAGE)
    assert office.mails.empty()
    assert office.logins == []


def test_plain_mail_goes_only_where_one_says_so(post: Callable[..., Post]):
    office = post(auth_require_tls=False)
    server(office.port, "?to=ana@example.org&tls=none&from=board@example.org").send(MESSAGE)
    envelope, mail, _ = office.next()
    assert (envelope.mail_from, mail["From"]) == ("board@example.org", "board@example.org")


def test_a_server_that_nobody_vouches_for_gets_nothing(post: Callable[..., Post], authority: Authority):
    office = post(tls_context=context(authority))
    with pytest.raises(ssl.SSLCertVerificationError):
        server(office.port).send(MESSAGE)
    assert office.mails.empty()


def test_a_wrong_password_and_a_refused_receiver_are_errors(post: Callable[..., Post]):
    office = post(auth_require_tls=False)
    plain = server(office.port, "?to=ana@example.org,gone@example.org&tls=none")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        replace(plain, password="wrong").send(MESSAGE)
    office.refuse = "gone@example.org"
    with pytest.raises(OSError, match=r"gone@example\.org"):
        plain.send(MESSAGE)


def test_ports_and_senders_are_what_one_expects():
    alias = lambda port, query="?to=a@b.c", user="": MailServer.of("@m", "h", port, user, "p", query, {})
    assert (alias(None).port, alias(None).security) == (587, "starttls")
    assert (alias(465).port, alias(465).security) == (465, "ssl")
    assert alias(None, "?to=a@b.c&tls=ssl").port == 465
    assert (alias(25).sender, alias(25, user="me@x.y").sender) == ("a@b.c", "me@x.y")
    assert "p" not in repr(replace(alias(25), host="x", password="p0ssw")).replace("port", "")


@pytest.mark.parametrize(
    "query", ["", "?to=", "?to=nobody", "?to=a@b%0d%0aBcc:c@d", "?to=a@b&tls=perhaps", "?to=a@b&cc=c@d"]
)
def test_what_is_no_address_is_an_error_with_the_remedy(query: str):
    with pytest.raises(SetupError, match="@m"):
        MailServer.of("@m", "h", 25, "", "", query, {})
