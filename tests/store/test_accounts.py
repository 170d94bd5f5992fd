"""Accounts, tokens and sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atilite.errors import StoreError
from atilite.store import accounts as accounts_module
from atilite.store import passwords
from atilite.store.accounts import Accounts
from atilite.store.database import Database
from atilite.testing.clock import FakeClock

from .conftest import NOON


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 16)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return database.accounts


def test_an_account_opens_with_its_password_only(accounts: Accounts, database: Database, clock: FakeClock) -> None:
    assert not accounts.any()
    accounts.add("ana", "geheim ü", "admin")
    accounts.add("ben", "other", "view")
    clock.advance(5)

    found = accounts.verify("ana", "geheim ü")

    assert found is not None
    assert (found.name, found.role, found.created_at) == ("ana", "admin", NOON)
    for name, password in (("ana", "other"), ("ana", ""), ("Ana", "geheim ü"), ("nobody", "x"), ("\udcff", "\udcff")):
        assert accounts.verify(name, password) is None
    database.writer.flush()
    assert [(user.name, user.seen_at) for user in accounts.users()] == [
        ("ana", NOON + timedelta(seconds=5)),
        ("ben", None),
    ]
    assert accounts.any()


@pytest.mark.row("reliability-27")
def test_an_unknown_name_costs_as_much_as_a_wrong_password(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(accounts_module, "hash_password", lambda password: hashed.append(password) or "")

    accounts.verify("nobody", "guess")

    assert hashed == ["guess"]


def test_names_are_taken_once_and_have_to_be_printable(accounts: Accounts) -> None:
    accounts.add("ana", "x", "admin")
    with pytest.raises(StoreError, match="there is an account 'ana' already"):
        accounts.add("ana", "y", "view")
    for name in ("", " ana", "a\nb", "x" * 101):
        with pytest.raises(StoreError, match="cannot name an account"):
            accounts.add(name, "x", "view")
    with pytest.raises(StoreError, match="no role 'root'"):
        accounts.add("ben", "x", "root")
    with pytest.raises(StoreError, match="cannot name a token"):
        accounts.add_token("", "run")


def test_a_removed_account_takes_its_sessions_along(accounts: Accounts) -> None:
    accounts.add("ana", "x", "admin")
    accounts.open_session("s", "ana", keep=False)
    assert accounts.remove("ana") is True
    assert accounts.remove("ana") is False
    accounts.add("ana", "y", "view")

    assert accounts.session("s") is None


def test_another_password_ends_the_sessions(accounts: Accounts) -> None:
    accounts.add("ana", "x", "admin")
    accounts.open_session("s", "ana", keep=False)
    assert accounts.change("ana", password="new") is True

    assert accounts.session("s") is None
    assert accounts.verify("ana", "x") is None
    assert accounts.verify("ana", "new") is not None
    assert accounts.change("ben", role="run") is False


@pytest.mark.row("reliability-26")
@pytest.mark.parametrize("role", ["view", "admin"])
def test_another_role_ends_the_sessions_of_that_account(accounts: Accounts, role: str) -> None:
    accounts.add("ana", "x", "run")
    accounts.add("ben", "x", "run")
    accounts.open_session("s", "ana", keep=False)
    accounts.open_session("t", "ben", keep=True)

    assert accounts.change("ana", role="run") is True
    assert accounts.session("s") is not None
    assert accounts.change("ana", role=role) is True
    assert accounts.session("s") is None
    accounts.open_session("u", "ana", keep=False)
    session = accounts.session("u")

    assert session is not None
    assert session.role == role
    assert accounts.session("t") is not None


def test_a_hash_of_other_parameters_holds_and_is_renewed(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.add("ana", "x", "admin")
    monkeypatch.setattr(passwords, "N", 32)

    assert accounts.verify("ana", "x") is not None

    database.writer.flush()
    (stored,) = database.connection().execute('SELECT password FROM "user"').fetchone()
    assert stored.startswith("scrypt$32$8$1$")
    assert accounts.verify("ana", "x") is not None


@pytest.mark.parametrize("stored", ["", "x", "scrypt$a$b$c$d$e", "scrypt$16$8$1$!!$!!", "plain$1$1$1$eA==$eA=="])
def test_what_is_no_hash_opens_for_nobody(stored: str) -> None:
    assert passwords.is_password("x", stored) is False


def test_a_token_is_known_by_its_secret_until_it_ends(accounts: Accounts, database: Database, clock: FakeClock) -> None:
    secret = accounts.add_token("phone", "run", days=1)
    forever = accounts.add_token("tablet", "view")
    found = accounts.token(secret)

    assert found is not None
    assert (found.name, found.role, found.expires_at) == ("phone", "run", NOON + timedelta(days=1))
    assert accounts.token(secret + "x") is None
    assert accounts.token("") is None
    database.writer.flush()
    assert [(token.name, token.used_at) for token in accounts.tokens()] == [("phone", NOON), ("tablet", None)]
    clock.advance(86_400)
    assert accounts.token(secret) is None
    assert accounts.token(forever) is not None
    with pytest.raises(StoreError, match="there is a token 'phone' already"):
        accounts.add_token("phone", "view")
    assert (accounts.remove_token("phone"), accounts.remove_token("phone")) == (True, False)


@pytest.mark.row("reliability-30")
def test_no_secret_is_in_the_file(accounts: Accounts, database: Database) -> None:
    accounts.add("ana", "correct horse battery", "admin")
    secret = accounts.add_token("phone", "run")
    accounts.open_session("sessionsecret0123", "ana", keep=True)
    database.checkpoint()
    stored = database.path.read_bytes()

    assert b"ana" in stored
    for text in ("correct horse", secret, secret.removeprefix("atilite_"), "sessionsecret0123"):
        assert text.encode() not in stored


def test_a_session_is_noted_and_ended(accounts: Accounts, database: Database, clock: FakeClock) -> None:
    accounts.add("ana", "x", "admin")
    accounts.open_session("s", "ana", keep=True)
    clock.advance(60)
    accounts.touch_session("s")
    database.writer.flush()
    session = accounts.session("s")

    assert session is not None
    assert (session.name, session.role, session.keep) == ("ana", "admin", True)
    assert (session.created_at, session.seen_at) == (NOON, NOON + timedelta(seconds=60))
    accounts.close_session("s")
    assert accounts.session("s") is None  # at once, not only after the commit
    database.writer.flush()
    assert database.connection().execute("SELECT count(*) FROM login").fetchone() == (0,)
    assert accounts.session("unknown") is None
