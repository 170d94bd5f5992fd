"""Notes with a photo: a form and a list over a peewee model, at /notes."""

import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import peewee

from atilite import Atilite, Upload

PHOTO_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
LONGEST = 2000  # characters


class Note(peewee.Model):
    """One note. `photo` is the name of a file in the photo folder, "" without one; `created` is in unix time."""

    id = peewee.AutoField()
    text = peewee.TextField()
    photo = peewee.CharField(default="", index=True)
    created = peewee.IntegerField(default=lambda: int(time.time()))

    @property
    def written(self) -> str:
        """When it was written, by the clock of this machine."""
        return datetime.fromtimestamp(self.created).strftime("%Y-%m-%d %H:%M")


def problem_of(text: str, photo: Upload | None) -> str:
    """Why this cannot be a note, "" if it can."""
    if not 1 <= len(text) <= LONGEST:
        return f"A note has 1 to {LONGEST} characters."
    if photo is not None and photo.ext not in PHOTO_TYPES:
        return f"A photo is one of {', '.join(PHOTO_TYPES)}."
    return ""


def __mount__(app: Atilite, mntopt: dict[str, Any]) -> None:
    app.bind(Note)
    folder = Path(app.site.datapath(app.config.get("PHOTO_FOLDER", "photos")))

    def show(was: Any, problem: str = "", text: str = "") -> Any:
        notes = list(Note.select().order_by(Note.id.desc()).limit(50))
        facts = {"longest": LONGEST, "accept": ",".join(PHOTO_TYPES.values())}
        return was.render("notes.j2", title="Notes", notes=notes, problem=problem, text=text, **facts)

    @app.route("", methods=["GET"])
    def listing(was: Any) -> Any:
        return show(was)

    @app.route("", methods=["POST"], csrf=True)
    def add(was: Any, text: str = "", photo: Upload | None = None) -> Any:
        # Browsers send line ends as two signs, whatever was typed.
        text = text.replace("\r\n", "\n").strip()
        problem = problem_of(text, photo)
        if problem:
            was.response.set_status("400 Bad Request")
            return show(was, problem, text)
        name = ""
        if photo is not None:
            # A name of our own: the sender's could be that of another photo.
            name = uuid.uuid4().hex + photo.ext
            photo.save(folder, name=name, mkdir=True)
        Note.create(text=text, photo=name)
        return was.redirect(was.urlfor("notes.listing"), status="303 See Other")

    @app.route("/<int:id>/delete", methods=["POST"], csrf=True)
    def delete(was: Any, id: int) -> Any:
        note = Note.get_or_none(Note.id == id)
        if note is None:
            raise was.Error("404 Not Found", "this note is gone already")
        note.delete_instance()
        if note.photo:
            (folder / note.photo).unlink(missing_ok=True)
        return was.redirect(was.urlfor("notes.listing"), status="303 See Other")

    @app.route("/photos/<name>", methods=["GET"])
    def photo(was: Any, name: str) -> Any:
        # Only names that a note has lead to a file.
        if not Note.select().where(Note.photo == name).exists():
            raise was.Error("404 Not Found", "there is no such photo")
        return was.File(folder / name, PHOTO_TYPES[Path(name).suffix])
