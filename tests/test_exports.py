"""What `import atilite` gives: the names that programs rely on, each there when it is asked for."""

from __future__ import annotations

import atilite

NAMES = {
    "Atilite", "Client", "Emitter", "Error", "Mask", "Pattern", "Range", "Secret", "Task", "Tasks", "Upload",
    "abspath", "add_database_interface", "alias", "current_journal", "mount", "preference", "register_g", "run",
    "test_client",
    "DB_MONGODB", "DB_PGSQL", "DB_REDIS", "DB_SQLITE3", "PROTO_GRPC", "PROTO_HTTP", "PROTO_HTTPS", "PROTO_SMTP",
    "PROTO_WS", "PROTO_WSS",
    "STA_NETERR", "STA_NORMAL", "STA_REQFAIL", "STA_TIMEOUT", "STA_UNSENT",
    "WS_CHANNEL", "WS_COROUTINE", "WS_NOTHREAD", "WS_SESSION", "WS_THREAD", "WS_THREADSAFE",
}  # fmt: skip


def test_the_promised_names_are_exported() -> None:
    assert set(atilite.__all__) >= NAMES
    assert set(dir(atilite)) >= set(atilite.__all__)


def test_every_exported_name_is_there() -> None:
    assert [name for name in atilite.__all__ if getattr(atilite, name, None) is None] == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(atilite, "Atila")
