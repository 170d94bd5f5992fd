"""Django's models as builders of statements: the manual's sample, in a process that Django is set up in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.resources.programs import PASSWORD, PostgresServer

PROGRAM = """
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"},
               "other": {"ENGINE": "django.db.backends.dummy", "NAME": "x"}},
    INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.core.exceptions import ValidationError
from django.db import connection, models

from atilite import Q
from atilite.errors import AliasError, QueryError, SetupError
from atilite.resources.djangomodels import Model, _database


LEVELS = [('guest', 'guest'), ('user', 'user'), ('staff', 'staff')]


class User (Model):
    uid = models.CharField (max_length = 32, unique = True)
    email = models.EmailField (max_length = 64, null = True, blank = True)
    nick_name = models.CharField (max_length = 16, null = True, blank = True)
    lev = models.CharField (max_length = 16, default = 'user', choices = LEVELS)
    created = models.DateTimeField (auto_now_add = True)
    last_updated = models.DateTimeField (auto_now = True)

    class Meta:
        app_label = 'firebase_vue'
        db_table = 'firebase_user'


class UserLog (Model):
    user = models.ForeignKey (User, on_delete = models.DO_NOTHING)
    text = models.CharField (max_length = 16)

    class Meta:
        app_label = 'firebase_vue'


class UserService:
    @classmethod
    def _get_id (cls, uid):
        return User.get (uid = uid).get ('id')

    @classmethod
    def get (cls, uid = None, nick_name = None):
        assert uid or nick_name, 'uid or nick_name required'
        return User.get (uid = uid, nick_name = nick_name).execute ()

    @classmethod
    def add (cls, uid, payload):
        payload ['uid'] = uid
        return User.add (payload).returning ("*").execute ()

    @classmethod
    def set (cls, uid, payload):
        return User.set (payload, uid = uid).returning ("*").execute ()

    @classmethod
    def delete (cls, uid):
        return User.remove (uid = uid).execute ()


with connection.schema_editor () as editor:
    editor.create_model (User)
    editor.create_model (UserLog)

ann = UserService.add ("a", dict (nick_name = 'Ann')).one ()
assert (ann.uid, ann.nick_name, ann.lev, ann.email) == ("a", "Ann", "user", None), ann
assert User.objects.get (uid = "a").created.year > 2000
before = User.objects.get (uid = "a").last_updated
changed = UserService.set ("a", dict (lev = 'staff', email = 'ann@example.org')).one ()
assert (changed.lev, changed.id) == ("staff", ann.id)
assert User.objects.get (uid = "a").last_updated > before
assert UserService.get ("a").one () == changed
assert UserService.get (nick_name = "Ann").one () == changed
late_staff = User.get (created__gt = before.replace (year = 2001), lev__in = ['staff'])
assert late_staff.aggregate ("count(id) n").execute ().one ().n == 1
assert User.get (Q (uid = "a") | Q (uid = "b")).get ("uid").execute ().fetch () == [{"uid": "a"}]

UserLog.add (user = User.objects.get (uid = "a"), text = "came").execute ().commit ()
assert UserLog.get (user = ann.id).execute ().one ().user_id == ann.id
assert UserLog.remove (user_id = UserService._get_id ("a")).execute ().fetch ().rowcount == 1
assert UserLog.objects.count () == 0
assert UserService.delete ("a").fetch ().rowcount == 1
assert UserService.get ("a").fetch () == []

for refused in (
    lambda: User.add (uid = "x" * 40),
    lambda: User.add (uid = "b", lev = "king"),
    lambda: User.set ({"email": "no"}, uid = "b"),
):
    try:
        refused ()
    except ValidationError as error:
        assert error.message_dict
    else:
        raise AssertionError (refused)
try:
    User.get (uid = None, nick_name = None)
except SetupError as error:
    assert "one of uid, nick_name" in str (error)
else:
    raise AssertionError
assert User.remove (nick_name = None).execute ().fetch ().rowcount == 0
for wrong in (lambda: User.add (uidd = "b"), lambda: User.get (nobody = 1), lambda: User.set ({"x": 1}, uid = "b")):
    try:
        wrong ()
    except SetupError as error:
        assert "User has no field" in str (error)
    else:
        raise AssertionError (wrong)
UserService.add ("b", {}).commit ()
assert isinstance (UserService.add ("b", {}).dispatch ().expt, QueryError)
statement = User.remove (uid = "b").with_ (UserLog.remove (user_id = UserService._get_id ("b")))
assert repr (statement) == "<Statement delete firebase_user>"
try:
    _database ("other")
except AliasError as error:
    assert "neither" in str (error)
else:
    raise AssertionError
print ("well")
"""


@pytest.mark.row("A199")
def test_the_manual_s_models_are_builders_whose_queries_are_tasks(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:atilite", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "well\n", done.stderr[-3000:]


# As it is printed; only Django's JSONField of PostgreSQL, which nothing of it uses, has gone from Django.
MANUAL = """
import sys
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": sys.argv[1],
                           "USER": "tester", "PASSWORD": sys.argv[2], "NAME": "shop"}},
    INSTALLED_APPS=[], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import connection, models
from atilite.resources.djangomodels import Model

class User (Model):
    uid = models.CharField (max_length = 32)
    email = models.EmailField (max_length = 64, null = True, blank = True)
    nick_name = models.CharField (max_length = 16, null = True, blank = True)
    lev = models.CharField (max_length = 16, default = 'user', choices = [('guest', 'guest'), ('user', 'user'), ('staff', 'staff')])
    status = models.CharField (max_length = 16, null = True, blank = True)
    created = models.DateTimeField (auto_now_add = True)
    last_updated = models.DateTimeField (auto_now = True)
    class Meta:
        proxy = False
        managed = True
        db_table = 'firebase_user'
        verbose_name = 'User'
        verbose_name_plural = 'Users'
        app_label = 'firebase_vue'
    def __str__ (self):
        return '{}'.format (self.nick_name)

class UserLog (Model):
    user = models.ForeignKey (User, on_delete = models.DO_NOTHING)
    class Meta:
        app_label = 'firebase_vue'

class UserService:
    @classmethod
    def _get_id (cls, uid):
        return User.get (uid = uid).get ('id')
    # basic ops ------------------------------
    @classmethod
    def get (cls, uid = None, nick_name = None):
        assert uid or nick_name, 'uid or nick_name required'
        return User.get (uid = uid, nick_name = nick_name).execute ()
    @classmethod
    def add (cls, uid, payload):
        payload ['uid'] = uid
        return User.add (payload).returning ("*").execute ()
    @classmethod
    def set (cls, uid, payload):
        return User.set (payload, uid = uid).returning ("*").execute ()
    @classmethod
    def delete (cls, uid):
        return (User.remove (uid = uid)
            .with_ (UserLog.remove (user_id = cls._get_id (uid)))
        ).execute ()

with connection.schema_editor () as editor:
    editor.create_model (User)
    editor.create_model (UserLog)
try:
    added = [UserService.add (uid, {"nick_name": name}).one () for uid, name in (("a", "Ann"), ("b", "Bob"))]
    assert [(one.uid, one.nick_name, one.lev) for one in added] == [("a", "Ann", "user"), ("b", "Bob", "user")]
    assert UserService.set ("a", {"lev": "staff"}).one ().lev == "staff"
    assert UserService.get (nick_name = "Ann").one ().lev == "staff"
    for one in added:
        UserLog.add (user_id = one.id).execute ().commit ()
    assert UserService.delete ("a").fetch ().rowcount == 1
    assert UserService.get ("a").fetch () == []
    assert UserService.get ("b").one ().nick_name == "Bob"
    assert [log.user_id for log in UserLog.objects.all ()] == [added [1].id]
finally:
    with connection.schema_editor () as editor:
        editor.delete_model (UserLog)
        editor.delete_model (User)
print ("well")
"""  # noqa: E501


@pytest.mark.row("A199")
def test_the_manual_s_service_removes_a_user_with_the_log(tmp_path: Path, postgres: PostgresServer) -> None:
    (tmp_path / "program.py").write_text(MANUAL)
    done = subprocess.run(
        [sys.executable, "program.py", str(postgres.port), PASSWORD],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "well\n", done.stderr[-3000:]
