"""The files of a certificate: what is wrong with them, and their renewal."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from atilite.errors import ConfigError
from atilite.runtime.loop import Loop
from atilite.server.certificates import A_TURN, LOOK_AGAIN, Certificates
from tests.resources.authority import Authority
from tests.server.apps import Application, until
from tests.server.conftest import Serve
from tests.server.raw import Client

Pair = tuple[str, str]


@pytest.fixture
def copied(pair: Pair, tmp_path: Path) -> Pair:
    """Files of a certificate and its key that the test may replace."""
    cert, key = shutil.copy(pair[0], tmp_path / "board.pem"), shutil.copy(pair[1], tmp_path / "board.key")
    return str(cert), str(key)


def replace(old: Pair, new: Pair) -> None:
    """What a renewal does: other files take the place of the old ones."""
    for target, source in zip(old, new, strict=True):
        if source:
            shutil.copy(source, f"{target}.new")
            os.replace(f"{target}.new", target)


def shown(client: Client) -> bytes:
    """The certificate that the server showed to this client."""
    assert isinstance(client.sock, ssl.SSLSocket)
    return client.sock.getpeercert(binary_form=True) or b""


def der(path: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(path).read_text(encoding="ascii"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("board.pem", ""), r"tls_cert is given without tls_key .*--tls-key FILE"),
        (("", "board.key"), "without tls_cert"),
    ],
)
def test_one_of_the_two_is_not_enough(given: Pair, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Certificates(*given)


def test_a_file_that_is_missing_is_named(copied: Pair) -> None:
    for number, setting in enumerate(("tls_cert", "tls_key")):
        given = [*copied]
        given[number] += ".gone"
        with pytest.raises(ConfigError, match=rf"^{setting}: there is no file {re.escape(given[number])} \(see"):
            Certificates(*given)


def test_a_file_that_cannot_be_read_is_named(copied: Pair, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^tls_key: {tmp_path} cannot be read: Is a directory \(let this user"):
        Certificates(copied[0], str(tmp_path))


def test_files_without_a_certificate_or_a_key_are_named(copied: Pair) -> None:
    with pytest.raises(ConfigError, match=r"^tls_cert: .* has no certificate in it"):
        Certificates(copied[1], copied[1])
    with pytest.raises(ConfigError, match=r"^tls_key: .* has no private key in it"):
        Certificates(copied[0], copied[0])


def test_the_key_of_another_certificate_is_refused(copied: Pair, authority: Authority) -> None:
    other = authority.certificate("DNS:other")
    with pytest.raises(ConfigError, match=r"^tls_key: .* is not the key of .*board\.pem \(give"):
        Certificates(copied[0], other[1])


def test_a_key_with_a_password_is_refused_without_asking_for_it(copied: Pair) -> None:
    locked = f"{copied[1]}.locked"
    words = ["openssl", "pkey", "-in", copied[1], "-aes256", "-passout", "pass:secret", "-out", locked]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    with pytest.raises(ConfigError, match=r"is encrypted \(take the password off: openssl pkey"):
        Certificates(copied[0], locked)


def test_a_damaged_certificate_is_refused(copied: Pair) -> None:
    Path(copied[0]).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(ConfigError, match=r"cannot be used: .* \(make them again\)"):
        Certificates(*copied)


@pytest.mark.row("I45")
def test_a_renewed_certificate_is_shown_to_new_clients_and_the_others_stay_connected(
    serve_secure: Serve, loop: Loop, copied: Pair, authority: Authority
) -> None:
    now = [0.0]
    server = serve_secure(Application(loop), certificates=Certificates(*copied, monotonic=lambda: now[0]))
    before = der(copied[0])
    with Client(server.addresses[0]) as early:
        assert early.get("/x").status == 200
        renewed = authority.certificate("IP:127.0.0.1,DNS:renewed")
        replace(copied, renewed)
        with Client(server.addresses[0]) as client:
            assert shown(client) == before, "the files are looked at once a minute"
        now[0] += LOOK_AGAIN
        with Client(server.addresses[0]) as client:
            assert shown(client) == der(renewed[0])
            assert client.get("/y").status == 200
        assert early.get("/z").status == 200


def test_half_a_renewal_keeps_the_old_certificate_until_the_other_half_comes(
    serve_secure: Serve, loop: Loop, copied: Pair, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    server = serve_secure(Application(loop), certificates=Certificates(*copied, monotonic=lambda: now[0]))
    before = der(copied[0])
    renewed = authority.certificate("IP:127.0.0.1,DNS:halves")
    replace(copied, (renewed[0], ""))
    for _ in range(2):
        now[0] += LOOK_AGAIN
        with Client(server.addresses[0]) as client:
            assert shown(client) == before
    assert caplog.text.count("the certificate was not renewed: tls_key") == 1
    os.unlink(copied[1])
    now[0] += LOOK_AGAIN
    with Client(server.addresses[0]) as client:
        assert shown(client) == before
    replace(copied, ("", renewed[1]))
    now[0] += LOOK_AGAIN
    with Client(server.addresses[0]) as client:
        assert shown(client) == der(renewed[0])


def test_handshakes_beyond_the_time_of_one_turn_wait_for_the_next(pair: Pair, loop: Loop) -> None:
    certificates = Certificates(*pair)

    def shake() -> bool:
        with certificates.at_work(loop):
            certificates._spent = A_TURN
        return certificates.has_time()

    for _ in range(2):
        assert certificates.has_time()
        assert loop.spawn(shake).wait(20) is False
        until(certificates.has_time)
