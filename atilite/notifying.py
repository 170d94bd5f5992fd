"""The channels of an app's notifications: aliases for mail and for webhooks, functions of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .automation.channels import QUIET, Deliver
from .automation.engine import Automation
from .errors import AliasError, SetupError
from .hooks import with_was
from .lazily import LazyModule, function_of
from .resources.aliases import PROTO_HTTP, PROTO_HTTPS, PROTO_SMTP, Alias, Aliases
from .runtime.engine import Runtime
from .runtime.functions import kind_of
from .store.database import Database
from .store.keys import Keys
from .was.was import Was
from .web.encoding import encode_json

if TYPE_CHECKING:
    from .automation import mail
    from .automation.notice import Message
    from .resources.http import Stub
    from .web import webhooks
else:
    # Loaded with the first alias for mail, or with the first message to a webhook.
    mail = LazyModule("atilite.automation.mail")
    webhooks = LazyModule("atilite.web.webhooks")
    Stub = function_of("atilite.resources.http", "Stub")

TIMEOUT = 30.0  # seconds for a webhook
LONGEST = 300.0  # seconds for a function


class Notifying:
    """The part of an app that tells people. `begin_notifying` is called when the app is made."""

    automation: Automation
    runtime: Runtime
    site: Any
    config: Any
    _open_store: Callable[[], Database]

    notify = property(lambda self: self.automation.notices, doc="`app.notify(...)`: who is told of what.")
    notifier = property(lambda self: self.automation.notices.notifier, doc="Declares a function as a channel.")

    def begin_notifying(self, aliases: Callable[[], Aliases]) -> None:
        """Show the notices the way out. `aliases` gives those of the process."""
        self._channel_aliases = aliases
        notices = self.automation.notices
        notices.resolve, notices.url, notices.call = self._notice_way, self._notice_url, self._notice_call

    def ready_notifying(self) -> None:
        """Read the settings when the set-up ends. Raises SetupError."""
        channels = self.automation.notices.channels
        given = self.config.get("NOTICE_INTERVAL", QUIET)
        if isinstance(given, bool) or not isinstance(given, (int, float)) or given < 0:
            raise SetupError(f"NOTICE_INTERVAL is {given!r}; it is the number of seconds between two messages")
        channels.quiet = float(given)
        if self.site is not None:
            channels.source = self.site.settings.name

    def _notice_way(self, name: str) -> Deliver:
        """What delivers to an alias. Raises LookupError with the remedy, SetupError for a faulty address."""
        try:
            alias = self._channel_aliases().get(name)
        except AliasError as unknown:
            remedy = "declare it with @app.notifier, or with atilite.alias in serve.py"
            raise LookupError(f"there is no channel {name!r} ({remedy})") from unknown
        if alias.kind == PROTO_SMTP:
            return mail_server(alias).send
        if alias.kind in (PROTO_HTTP, PROTO_HTTPS):
            return lambda message: self._notice_post(name, message)
        raise SetupError(f"{name} is declared as {alias.kind.lstrip('*')}; notices go to SMTP, HTTP or HTTPS")

    def _notice_post(self, name: str, message: Message) -> None:
        body = encode_json(message.facts)
        secret = webhooks.secret_text(self._notice_keys().current(f"hook:{name}"))
        headers = {
            "Content-Type": "application/json",
            webhooks.HEADER: webhooks.sign(secret, body, self._notice_database().clock.time()),
        }
        stub = Stub(self.runtime, self._channel_aliases(), name, timeout=TIMEOUT, redirects=0)
        stub.post("", payload=body, headers=headers).commit(TIMEOUT + 5)

    def _notice_database(self) -> Database:
        return self._open_store()

    def _notice_keys(self) -> Keys:
        return self._notice_database().part(Keys)

    def _notice_url(self, run: int) -> str | None:
        """The address of a run's page, as far as it is known from here."""
        if self.site is None or self.site.settings.no_console:
            return None
        base = self.config.get("PUBLIC_URL") or self._notice_base()
        return f"{base.rstrip('/')}{self.site.settings.console_path}/runs/{run}" if base else None

    def _notice_base(self) -> str:
        """Where the server listens, "" if no browser could ask there or if nobody knows the port."""
        server, settings = self.site.server, self.site.settings
        if server is not None:
            # It knows what the settings do not: the port for 0, the sockets that systemd has opened.
            return next((url for url in server.urls if not url.startswith("unix:")), "")
        scheme = "https" if settings.tls_cert else "http"
        return "" if settings.unix or not settings.port else f"{scheme}://{settings.host}:{settings.port}"

    def _notice_call(self, function: Any, message: Message) -> None:
        called = with_was(function, lambda: Was(self))
        if kind_of(function) == "plain":
            called(message)
        else:
            self.runtime.run(called, message).wait(LONGEST)


def mail_server(alias: Alias) -> mail.MailServer:
    """The mail server that an alias describes. Raises SetupError."""
    member = alias.members[0]
    options = dict(alias.options)
    if isinstance(alias.ssl, str):
        options["ca"] = alias.ssl
    elif alias.ssl:
        options.setdefault("tls", "ssl")
    return mail.MailServer.of(alias.name, member.host, member.port, member.user, member.password, member.path, options)
