"""TLS without a socket."""

from __future__ import annotations

import ssl
import threading

import pytest

from atilite.server.certificates import load
from atilite.server.cipher import MAX_UNASKED, PORTION, RECORD, Cipher
from atilite.server.secure import Sealer
from tests.resources.authority import Authority


class Peer:
    """A client as two heaps of bytes."""

    def __init__(self, authority: Authority) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=authority.file)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    def shake(self, cipher: Cipher, step: int = 1_000_000) -> None:
        """Go through the handshake, `step` bytes at a time."""
        done = False
        while not done:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            data = self.outgoing.read()
            for start in range(0, len(data), step):
                done = cipher.handshake(data[start : start + step])
            self.incoming.write(cipher.sealed())

    def sealed(self, data: bytes) -> bytes:
        """`data` as it goes over the wire."""
        while data:
            data = data[self.tls.write(data) :]
        return self.outgoing.read()

    def opened(self, data: bytes) -> bytes:
        """What the server has said."""
        self.incoming.write(data)
        found = bytearray()
        try:
            while piece := self.tls.read(65536):
                found += piece
        except ssl.SSLWantReadError:
            return bytes(found)
        return bytes(found)


@pytest.fixture
def cipher(pair: tuple[str, str]) -> Cipher:
    return Cipher(load(*pair))


@pytest.fixture
def peer(cipher: Cipher, authority: Authority) -> Peer:
    made = Peer(authority)
    made.shake(cipher)
    return made


def test_a_handshake_may_come_byte_by_byte(cipher: Cipher, authority: Authority) -> None:
    peer = Peer(authority)
    peer.shake(cipher, step=1)
    assert cipher.open(peer.sealed(b"hello")) == b"hello"


def test_all_records_that_have_come_are_opened_at_once(cipher: Cipher, peer: Peer) -> None:
    data = bytes(range(256)) * 1000
    assert cipher.open(peer.sealed(b"one") + peer.sealed(data) + peer.sealed(b"two")) == b"one" + data + b"two"
    assert cipher.open(b"") == b""


def test_a_record_in_pieces_is_opened_when_it_is_complete(cipher: Cipher, peer: Peer) -> None:
    wire = peer.sealed(bytes(RECORD)) + peer.sealed(b"next")
    assert cipher.open(wire[:10]) == b""
    assert cipher.open(wire[10:RECORD]) == b""
    assert cipher.open(wire[RECORD:-1]) == bytes(RECORD)
    assert cipher.open(wire[-1:]) == b"next"


def test_what_comes_before_the_farewell_is_not_lost(cipher: Cipher, peer: Peer) -> None:
    last = peer.sealed(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    assert cipher.open(last + peer.outgoing.read() + b"rubbish") == b"last"
    assert cipher.ended


def test_rubbish_is_an_error(cipher: Cipher, peer: Peer) -> None:
    with pytest.raises(ssl.SSLError):
        cipher.open(b"GET / HTTP/1.1\r\n\r\n")


def test_a_client_that_only_changes_its_keys_is_cut_off(cipher: Cipher, peer: Peer) -> None:
    cipher._outgoing.write(bytes(MAX_UNASKED))  # the answers, which are sent with our next record
    assert cipher.open(peer.sealed(b"hello")) == b"hello"
    cipher._outgoing.write(b"one more")
    with pytest.raises(ConnectionAbortedError):
        cipher.open(peer.sealed(b"hello"))


class Wire:
    """Takes so many bytes with each call."""

    def __init__(self, *sizes: int) -> None:
        self.sizes, self.sent = list(sizes), bytearray()

    def send(self, data: bytes) -> int:
        size = self.sizes.pop(0) if self.sizes else len(data)
        if not size:
            raise BlockingIOError
        self.sent += data[:size]
        return min(size, len(data))


@pytest.mark.parametrize("sizes", [(), (0,), (1, 0, 5), (0, 0, 3, 16_000, 0), (40_000, 0, 7, 30_000), (1, 1, 1, 1, 1)])
def test_what_was_not_taken_comes_again_and_goes_out_once(cipher: Cipher, peer: Peer, sizes: tuple[int, ...]) -> None:
    wire = Wire(*sizes)
    sealer = Sealer(cipher, wire.send)
    data = bytes(range(256)) * 1000
    left = data
    while left:
        try:
            taken = sealer.send(left)
        except BlockingIOError:
            # More may have been put behind it meanwhile, as in the buffers of a channel.
            left += b"more"[: 4 if len(data) < 256_100 else 0]
            data += b"more"[: 4 if len(data) < 256_100 else 0]
            continue
        assert 0 < taken <= len(left)
        left = left[taken:]
    assert not sealer.owes
    assert peer.opened(bytes(wire.sent)) == data


def test_one_call_sends_no_more_than_its_share(cipher: Cipher, peer: Peer) -> None:
    wire = Wire()
    assert Sealer(cipher, wire.send).send(bytes(100 * PORTION)) == 4 * PORTION


def test_the_farewell_is_not_put_into_the_middle_of_a_record(cipher: Cipher, peer: Peer) -> None:
    wire = Wire(10, 0)
    sealer = Sealer(cipher, wire.send)
    with pytest.raises(BlockingIOError):
        sealer.send(b"something")
    before = len(wire.sent)
    sealer.farewell()
    assert len(wire.sent) == before


class Guarded:
    """An SSL object that notes whether two threads were in it at the same time."""

    def __init__(self, tls: ssl.SSLObject) -> None:
        self.tls, self.inside, self.met = tls, threading.Lock(), False
        self.reading, self.tried = threading.Event(), threading.Event()

    def read(self, size: int) -> bytes:
        with self.inside:
            self.reading.set()
            self.tried.wait(0.2)
            return self.tls.read(size)

    def write(self, data: bytes) -> int:
        self.met = self.met or self.inside.locked()
        self.tried.set()
        return self.tls.write(data)

    def pending(self) -> int:
        return self.tls.pending()


def test_two_threads_are_never_in_it_at_the_same_time(cipher: Cipher, peer: Peer) -> None:
    guarded = Guarded(cipher._tls)
    cipher._tls = guarded  # type: ignore[assignment]
    opened: list[bytes] = []
    loop = threading.Thread(target=lambda: opened.append(cipher.open(peer.sealed(b"in"))))
    loop.start()
    assert guarded.reading.wait(20)
    assert peer.opened(cipher.seal(memoryview(b"out"))) == b"out"
    loop.join(20)
    assert opened == [b"in"]
    assert not guarded.met
