"""The message of the last POST."""

from __future__ import annotations

from atilite.console.flash import Flash, Flashes


def test_a_message_survives_its_cookie() -> None:
    flashes = Flashes(b"key")
    flash = Flash("Saved.", "/console/runs/7", "Watch #7")

    assert flashes.read(flashes.write(flash)) == flash


def test_a_cookie_that_we_did_not_make_says_nothing() -> None:
    forged = Flashes(b"another").write(Flash("You won."))

    assert Flashes(b"key").read(forged) is None
    assert Flashes(b"key").read("garbage") is None
    assert Flashes(b"key").read(None) is None
