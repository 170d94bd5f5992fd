"""Notes with a photo: a form and a list over a peewee model, at /notes."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee

from atilite import Atilite, Upload

PHOTO_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif"}
LONGEST = 2000


class Note(peewee.Model):
    """One note. `photo` is the name of a file in the photo folder, "" without one."""

    text = peewee.TextField()
    photo = peewee.CharField(default="")
    created = peewee.DateTimeField(default=lambda: datetime.now(UTC))


def photo_name(upload: Upload) -> str:
    """A new name for an uploaded photo, "" when it is no picture. The sender's name is not used: it could be a path."""
    return f"{uuid.uuid4().hex}{upload.ext.lower()}" if upload.ext.lower() in PHOTO_TYPES else ""


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    app.bind(Note)
    folder = Path(app.site.abspath(app.config.get("PHOTO_FOLDER", "photos")))

    def show(was: Any, problem: str = "", text: str = "") -> Any:
        notes = list(Note.select().order_by(Note.id.desc()).limit(50))
        return was.render("notes.j2", title="Notes", notes=notes, problem=problem, text=text)

    @app.route("", methods=["GET"])
    def listing(was: Any) -> Any:
        return show(was)

    @app.route("", methods=["POST"], csrf=True)
    def add(was: Any, text: str = "", photo: Upload | None = None) -> Any:
        text = text.strip()
        if not text or len(text) > LONGEST:
            was.response.set_status("400 Bad Request")
            return show(was, f"A note has 1 to {LONGEST} characters.", text)
        name = ""
        if photo is not None and photo.size:
            name = photo_name(photo)
            if not name:
                was.response.set_status("400 Bad Request")
                return show(was, f"A photo is one of {', '.join(sorted(PHOTO_TYPES))}.", text)
            folder.mkdir(parents=True, exist_ok=True)
            photo.save(str(folder), name=name)
        Note.create(text=text, photo=name)
        return was.redirect(was.urlfor("notes.listing"), status="303 See Other")

    @app.route("/<int:id>/delete", methods=["POST"], csrf=True)
    def delete(was: Any, id: int) -> Any:
        note = Note.get_or_none(Note.id == id)
        if note is None:
            raise was.Error("404 Not Found", "this note is gone already")
        if note.photo:
            (folder / note.photo).unlink(missing_ok=True)
        note.delete_instance()
        return was.redirect(was.urlfor("notes.listing"), status="303 See Other")

    @app.route("/photos/<name>", methods=["GET"])
    def photo(was: Any, name: str) -> Any:
        note = Note.get_or_none(Note.photo == name) if name else None
        if note is None:
            raise was.Error("404 Not Found", "there is no such photo")
        path = folder / note.photo
        return was.File(str(path), PHOTO_TYPES[path.suffix])
