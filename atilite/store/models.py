"""The tables of the database: peewee models that own the schema. Their rows never leave this room.

Hot statements elsewhere in the room are constant SQL over these tables, because building a statement costs ten times as
much as running it. Times are integer microseconds since 1970 in UTC; parameters, results and fields are JSON text.
"""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    FloatField,
    IntegerField,
    Model,
    TextField,
)


class Journal(Model):
    """One run. Two indices serve every filter on operation, kind, trigger, who and status: see history.py.

    A third one finds the runs within a run; most runs are in none and cost it nothing.
    """

    id = BigIntegerField(primary_key=True)
    operation = TextField()
    description = TextField()
    kind = TextField()
    trigger = TextField()
    who = TextField()  # "" when nobody: NULL would not compare in the walk over index values
    parameters = TextField()
    status = TextField()
    created_at = BigIntegerField(index=True)
    started_at = BigIntegerField()
    finished_at = BigIntegerField(null=True)
    duration = FloatField(null=True)
    error = TextField(null=True)
    traceback = TextField(null=True)
    result = TextField(null=True)
    labels = TextField()
    parent = BigIntegerField(null=True)
    attempt = IntegerField()
    change = BigIntegerField()

    class Meta:
        table_name = "journal"
        indexes = (
            (("operation", "kind", "trigger", "who", "status"), False),
            (("kind", "trigger", "who", "status"), False),
        )


Journal.add_index(
    Journal.index(Journal.parent, Journal.id, where=Journal.parent.is_null(False), name="journal_parent")
)


class Label(Model):
    """A label of a run. The run's status is repeated here so that a label and a status together are one index."""

    label = TextField()
    status = TextField()
    journal = BigIntegerField()

    class Meta:
        table_name = "journal_label"
        primary_key = CompositeKey("label", "status", "journal")
        without_rowid = True


class Record(Model):
    """A message of a run. Kept in the order of the run, so that a run is read and removed as one stretch."""

    journal = BigIntegerField()
    id = BigIntegerField()
    created_at = BigIntegerField()
    source = TextField()
    level = TextField(null=True)
    message = TextField()
    params = TextField()

    class Meta:
        table_name = "record"
        primary_key = CompositeKey("journal", "id")
        without_rowid = True


class Word(Model):
    """A word of the text index, so that a beginning of words can be searched as these words."""

    text = TextField(primary_key=True)

    class Meta:
        table_name = "word"
        without_rowid = True


class Entry(Model):
    """A key of the key-value store."""

    namespace = TextField()
    key = TextField()
    value = TextField()
    version = BigIntegerField()
    updated = BigIntegerField()
    expires = BigIntegerField(null=True, index=True)
    who = TextField()

    class Meta:
        table_name = "kv"
        primary_key = CompositeKey("namespace", "key")
        without_rowid = True


class User(Model):
    """An account of a person."""

    name = TextField(primary_key=True)
    role = TextField()
    password = TextField()
    created = BigIntegerField()
    seen = BigIntegerField(null=True)

    class Meta:
        table_name = "user"


class ApiToken(Model):
    """A token of a program; only the SHA-256 of its secret is kept."""

    name = TextField(primary_key=True)
    role = TextField()
    digest = TextField(unique=True)
    created = BigIntegerField()
    expires = BigIntegerField(null=True)
    seen = BigIntegerField(null=True)

    class Meta:
        table_name = "token"


class Login(Model):
    """A session of a signed-in person; only the SHA-256 of its secret is kept."""

    digest = TextField(primary_key=True)
    user = TextField(index=True)
    created = BigIntegerField()
    seen = BigIntegerField()
    keep = IntegerField()

    class Meta:
        table_name = "login"


class Key(Model):
    """A secret that this installation made for itself."""

    name = TextField(primary_key=True)
    value = BlobField()
    created = BigIntegerField()

    class Meta:
        table_name = "secret"


class Mark(Model):
    """A number to remember: the highest id ever given, how far the text index has come."""

    name = TextField(primary_key=True)
    value = BigIntegerField()

    class Meta:
        table_name = "mark"


class Deed(Model):
    """Something that somebody changed through the console, the API or the command line."""

    id = AutoField()
    at = BigIntegerField()
    who = TextField()
    via = TextField()
    address = TextField()
    what = TextField()
    target = TextField()
    parameters = TextField()
    result = TextField()
    run = BigIntegerField(null=True)

    class Meta:
        table_name = "audit"


class Notice(Model):
    """A notification for one channel, waiting until `sent` or given up."""

    id = AutoField()
    channel = TextField()
    content = TextField()
    created = BigIntegerField()
    due = BigIntegerField()
    attempts = IntegerField()
    state = TextField(index=True)
    ended = BigIntegerField(null=True)
    error = TextField(null=True)

    class Meta:
        table_name = "notice"


class Following(Model):
    """An action that is to be started because a run has ended, and has not been opened yet."""

    run = BigIntegerField()
    app = TextField()
    action = TextField()
    at = BigIntegerField()

    class Meta:
        table_name = "follower"
        primary_key = CompositeKey("run", "app", "action")
        without_rowid = True


FIRST: tuple[type[Model], ...] = (Journal, Label, Record, Word, Entry, User, ApiToken, Login, Key, Mark)
TRAIL: tuple[type[Model], ...] = (Deed, Notice)
CHAIN: tuple[type[Model], ...] = (Following,)
TABLES = (*FIRST, *TRAIL, *CHAIN)
