"""What holds a talk in bounds holds it over TLS too: the same tests once more."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from atilite.server.certificates import Certificates
from tests.resources.authority import Authority
from tests.websockets import peer, test_talk

# Its fixtures; the tests come below.
app, told = test_talk.app, test_talk.told

for name, found in vars(test_talk).items():
    # The others are about the handshake, which is HTTP, or use a client's SSLSocket from two threads, which breaks it.
    other = any(word in name for word in ("refuse", "request", "server", "role", "faster"))
    if name.startswith("test_") and not other:
        globals()[name] = found

pytestmark = pytest.mark.row("I45")


@pytest.fixture(autouse=True, scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every server of this module speak TLS, and every peer."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    peer.CERTIFICATES.append(Certificates(*authority.certificate("IP:127.0.0.1")))
    peer.TRUSTED.append(ssl.create_default_context(cafile=authority.file))
    yield
    peer.CERTIFICATES.clear()
    peer.TRUSTED.clear()
