"""Databases over TLS: whose certificate is not of a trusted authority gets no password."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atilite.errors import ResourceError
from atilite.resources.aliases import DB_PGSQL, DB_REDIS, Aliases
from atilite.resources.databases import Databases
from tests.resources.authority import Authority
from tests.resources.programs import ENCODED, PostgresServer, RedisServer, free_port
from tests.resources.test_databases import wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "ca").mkdir()
    return Authority(tmp_path / "ca")


def given(server: Any, *files: str) -> list[str]:
    """The files in the server's folder, readable for its user alone."""
    owner, placed = server.folder.stat(), []
    for name in files:
        target = shutil.copy(name, server.folder)
        os.chmod(target, 0o600)
        if os.geteuid() == 0:
            owned = owner if owner.st_uid else (server.folder / "data").stat()
            os.chown(target, owned.st_uid, owned.st_gid)
        placed.append(str(target))
    return placed


def speaks_tls(server: PostgresServer) -> bool:
    import psycopg

    try:
        psycopg.connect(server.url("postgres"), sslmode="require").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def secure_postgres(postgres: PostgresServer, authority: Authority) -> Iterator[PostgresServer]:
    certificate, key = given(postgres, *authority.certificate("IP:127.0.0.1"))
    settings = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl": "on"}
    import psycopg

    with psycopg.connect(postgres.url("postgres"), autocommit=True) as one:
        for name, value in settings.items():
            one.execute(f"alter system set {name} = '{value}'")
        one.execute("select pg_reload_conf()")
    wait_until(lambda: speaks_tls(postgres))
    yield postgres
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as one:
        one.execute("alter system reset all")
        one.execute("select pg_reload_conf()")


@pytest.mark.row("A131")
def test_postgresql_is_spoken_to_over_tls_if_its_certificate_is_trusted(
    db: Databases, aliases: Aliases, secure_postgres: PostgresServer, authority: Authority
) -> None:
    aliases.add("@mine", DB_PGSQL, secure_postgres.member, ssl=authority.file)
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    assert db("@mine").execute(query).one().ssl is True
    aliases.add("@world", DB_PGSQL, secure_postgres.member, ssl=True)
    aliases.add("@name", DB_PGSQL, secure_postgres.member.replace("127.0.0.1", "localhost"), ssl=authority.file)
    for alias in ("@world", "@name"):
        with pytest.raises(ResourceError, match=rf"^{alias}: .*(certificate|host name)"):
            db(alias).execute(query).fetch()
    task = db("@mine", timeout=0.3).execute("select pg_sleep(30)")
    task.wait(10)
    assert db("@mine").execute("select 1 as x").one().x == 1


@pytest.mark.row("A131")
def test_redis_is_spoken_to_over_tls_if_its_certificate_is_trusted(
    db: Databases, aliases: Aliases, redis_server: RedisServer, authority: Authority
) -> None:
    os.chmod(redis_server.folder, 0o755)
    certificate, key = authority.certificate("IP:127.0.0.1")
    placed = [shutil.copy(name, redis_server.folder) for name in (certificate, key, authority.file)]
    for name in placed:
        os.chmod(name, 0o644)
    port = free_port()
    aliases.add("@plain", DB_REDIS, redis_server.member)
    settings = {"tls-cert-file": placed[0], "tls-key-file": placed[1], "tls-ca-cert-file": placed[2]}
    db("@plain").run(
        lambda client: client.execute_command(
            "CONFIG", "SET", *(word for pair in settings.items() for word in pair), "tls-auth-clients", "no",
            "tls-port", port,
        )
    ).commit()  # fmt: skip
    member = f":{ENCODED}@127.0.0.1:{port}/0"
    aliases.add("@mine", DB_REDIS, member, ssl=authority.file)
    aliases.add("@world", DB_REDIS, member, ssl=True)
    assert db("@mine").set("over", "tls").fetch() is True
    assert db("@mine").get("over").fetch() == "tls"
    with pytest.raises(ResourceError, match=r"^@world: .*(?i:certificate)"):
        db("@world").get("over").fetch()
    task = db("@mine", timeout=0.2).blpop("nothing", 0)
    task.wait(10)
    assert db("@mine").get("over").fetch() == "tls"
