"""Notes with photos."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atilite.testing.client import Answer, Client
from tests.services.conftest import Open
from tests.services.forms import File, send

PIXEL = b"\x89PNG\r\n\x1a\n not quite a picture"
BLANK: File = ("", b"", "application/octet-stream")


def token(client: Client) -> str:
    """The token that the page's form carries."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/notes").text)
    assert found
    return found[1]


def write(client: Client, text: str, photo: File = BLANK) -> Answer:
    """Send the page's form."""
    return send(client, "/notes", csrf=token(client), text=text, photo=photo)


@pytest.mark.row("A111", "A112")
def test_a_note_with_a_photo_is_kept_and_shown(opened: Open, tmp_path: Path) -> None:
    client = Client(opened())

    saved = write(client, "The valve drips\r\nbring a seal", ("../../valve.PNG", PIXEL, "image/png"))

    assert (saved.status_code, saved.header("Location")) == (303, "/notes")
    page = client.get("/notes").text
    assert "The valve drips\nbring a seal" in page
    (file,) = (tmp_path / "photos").iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}\.png", file.name)
    photo = client.get(f"/notes/photos/{file.name}")
    assert (photo.data, photo.header("Content-Type")) == (PIXEL, "image/png")
    assert photo.header("X-Content-Type-Options") == "nosniff"
    assert f'src="/notes/photos/{file.name}"' in page


def test_a_note_needs_no_photo(opened: Open, tmp_path: Path) -> None:
    client = Client(opened())

    assert write(client, "only words").status_code == 303
    assert "only words" in client.get("/notes").text
    assert "<img" not in client.get("/notes").text
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize(
    ("text", "photo", "problem"),
    [
        ("", BLANK, "A note has 1 to 2000 characters."),
        (" \r\n ", BLANK, "A note has 1 to 2000 characters."),
        ("x" * 2001, BLANK, "A note has 1 to 2000 characters."),
        ("a program", ("run.exe", b"MZ", "image/png"), "A photo is one of .gif, .jpeg, .jpg, .png, .webp."),
        ("a page", ("page.html", b"<script>", "text/html"), "A photo is one of .gif, .jpeg, .jpg, .png, .webp."),
    ],
)
def test_what_is_no_note_is_refused_with_the_text_kept(
    text: str, photo: File, problem: str, opened: Open, tmp_path: Path
) -> None:
    client = Client(opened())

    refused = write(client, text, photo)

    assert refused.status_code == 400
    assert problem in refused.text
    assert f">\n{text.strip()}</textarea>" in refused.text
    assert "No notes yet" in refused.text
    assert not (tmp_path / "photos").exists()


def test_a_text_where_a_photo_belongs_is_refused(opened: Open) -> None:
    client = Client(opened())

    refused = client.post("/notes", form={"csrf": token(client), "text": "a note", "photo": "valve.png"})

    assert refused.status_code == 400
    assert "must be a file" in refused.text


def test_what_was_written_is_text_wherever_it_is_shown(opened: Open) -> None:
    client = Client(opened())
    evil = '<script>alert(1)</script>"\'&'

    write(client, evil)
    kept = client.get("/notes").text
    refused = write(client, "</textarea>" + evil, ("a.exe", b"", "text/html")).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in kept
    for page in (kept, refused):
        assert "<script" not in page
        assert page.count("</textarea>") == 1


def test_deleting_a_note_deletes_its_photo(opened: Open, tmp_path: Path) -> None:
    client = Client(opened())
    write(client, "first", ("a.jpg", PIXEL, "image/jpeg"))
    (file,) = (tmp_path / "photos").iterdir()
    write(client, "second")

    gone = client.post("/notes/1/delete", form={"csrf": token(client)})

    assert (gone.status_code, gone.header("Location")) == (303, "/notes")
    assert "first" not in client.get("/notes").text
    assert "second" in client.get("/notes").text
    assert not file.exists()
    assert client.get(f"/notes/photos/{file.name}").status_code == 404
    assert client.post("/notes/1/delete", form={"csrf": token(client)}).status_code == 404


@pytest.mark.row("A179")
@pytest.mark.parametrize("path", ["/notes", "/notes/1/delete"])
def test_a_form_without_its_token_changes_nothing(path: str, opened: Open) -> None:
    client = Client(opened())
    write(client, "stays")

    assert send(client, path, text="forged").status_code == 403
    assert send(client, path, text="forged", csrf="0" * 64).status_code == 403
    assert Client(opened_again(client)).post(path, form={"text": "forged"}).status_code == 403
    page = client.get("/notes").text
    assert "stays" in page
    assert "forged" not in page


def opened_again(client: Client) -> object:
    """The site behind a client, for a second client without its cookies."""
    return client._app


@pytest.mark.parametrize("name", ["missing.png", "..%2Fdata.db", "%2e%2e%2fdata.db", "data.db"])
def test_only_photos_of_notes_can_be_fetched(name: str, opened: Open, tmp_path: Path) -> None:
    client = Client(opened())
    write(client, "words only")  # its photo is the empty name
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "data.db").write_text("secret")

    assert client.get(f"/notes/photos/{name}").status_code == 404


def test_a_photo_that_somebody_took_away_is_not_found(opened: Open, tmp_path: Path) -> None:
    client = Client(opened())
    write(client, "with photo", ("a.gif", PIXEL, "image/gif"))
    (file,) = (tmp_path / "photos").iterdir()
    file.unlink()

    assert client.get(f"/notes/photos/{file.name}").status_code == 404
    assert client.post("/notes/1/delete", form={"csrf": token(client)}).status_code == 303


def test_notes_outlive_the_program(opened: Open, tmp_path: Path) -> None:
    site = opened(PHOTO_FOLDER="pictures")
    write(Client(site), "kept", ("a.gif", PIXEL, "image/gif"))
    site.close()
    for name in ("templates", "static"):
        (tmp_path / name).unlink()

    assert "kept" in Client(opened(PHOTO_FOLDER="pictures")).get("/notes").text
    assert len(list((tmp_path / "pictures").iterdir())) == 1
