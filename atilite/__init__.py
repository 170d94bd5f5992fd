"""atilite: write plain functions, get buttons, URLs, schedules, services and a journal of every run.

The names are loaded when they are first used: a child process that runs one function need not load the server.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from .version import VERSION

# Not pip is asked, but whichever python3 somebody starts a serve.py with.
if sys.version_info < (3, 11):  # noqa: UP036
    raise ImportError(f"atilite needs Python 3.11 or newer, {sys.executable} is older (start it with another one)")

if TYPE_CHECKING:
    from . import flow as flow
    from . import pod as pod
    from .app import Atilite as Atilite
    from .automation.journal import Journals as Journals
    from .automation.kv import KV as KV
    from .cli.entry import run as run
    from .context import current_journal as current_journal
    from .errors import Error as Error
    from .events import Emitter as Emitter
    from .launch import abspath as abspath
    from .launch import add_database_interface as add_database_interface
    from .launch import alias as alias
    from .launch import mount as mount
    from .mounting import preference as preference
    from .remote.client import Client as Client
    from .resources.aliases import DB_MONGODB as DB_MONGODB
    from .resources.aliases import DB_PGSQL as DB_PGSQL
    from .resources.aliases import DB_POSTGRESQL as DB_POSTGRESQL
    from .resources.aliases import DB_REDIS as DB_REDIS
    from .resources.aliases import DB_SQLITE3 as DB_SQLITE3
    from .resources.aliases import DB_SYN_MONGODB as DB_SYN_MONGODB
    from .resources.aliases import DB_SYN_PGSQL as DB_SYN_PGSQL
    from .resources.aliases import DB_SYN_REDIS as DB_SYN_REDIS
    from .resources.aliases import PROTO_GRPC as PROTO_GRPC
    from .resources.aliases import PROTO_GRPCS as PROTO_GRPCS
    from .resources.aliases import PROTO_HTTP as PROTO_HTTP
    from .resources.aliases import PROTO_HTTPS as PROTO_HTTPS
    from .resources.aliases import PROTO_MQTT as PROTO_MQTT
    from .resources.aliases import PROTO_MQTTS as PROTO_MQTTS
    from .resources.aliases import PROTO_SMTP as PROTO_SMTP
    from .resources.aliases import PROTO_SYN_HTTP as PROTO_SYN_HTTP
    from .resources.aliases import PROTO_SYN_HTTPS as PROTO_SYN_HTTPS
    from .resources.aliases import PROTO_WS as PROTO_WS
    from .resources.aliases import PROTO_WSS as PROTO_WSS
    from .runtime.outcome import STA_NETERR as STA_NETERR
    from .runtime.outcome import STA_NORMAL as STA_NORMAL
    from .runtime.outcome import STA_REQFAIL as STA_REQFAIL
    from .runtime.outcome import STA_TIMEOUT as STA_TIMEOUT
    from .runtime.outcome import STA_UNSENT as STA_UNSENT
    from .runtime.task import Mask as Mask
    from .runtime.task import Task as Task
    from .runtime.task import Tasks as Tasks
    from .scalars import Pattern as Pattern
    from .scalars import Range as Range
    from .scalars import Secret as Secret
    from .sharing import g as g
    from .sharing import register_g as register_g
    from .store.database import Database as Database
    from .store.querying import Q as Q
    from .testing.process import test_client as test_client
    from .uploads import Upload as Upload
    from .web import charts as charts
    from .web.otp import generate_otp as generate_otp
    from .websockets.specs import WS_CHANNEL as WS_CHANNEL
    from .websockets.specs import WS_CHATTY as WS_CHATTY
    from .websockets.specs import WS_COROUTINE as WS_COROUTINE
    from .websockets.specs import WS_NOPOOL as WS_NOPOOL
    from .websockets.specs import WS_NOTHREAD as WS_NOTHREAD
    from .websockets.specs import WS_SESSION as WS_SESSION
    from .websockets.specs import WS_THREAD as WS_THREAD
    from .websockets.specs import WS_THREADSAFE as WS_THREADSAFE

__version__ = VERSION

# Where each public name lives.
_HOMES = {
    "app": ("Atilite",),
    "automation.journal": ("Journals",),
    "automation.kv": ("KV",),
    "cli.entry": ("run",),
    "context": ("current_journal",),
    "errors": ("Error",),
    "events": ("Emitter",),
    "launch": ("abspath", "add_database_interface", "alias", "mount"),
    "mounting": ("preference",),
    "remote.client": ("Client",),
    "resources.aliases": (
        "DB_MONGODB", "DB_PGSQL", "DB_POSTGRESQL", "DB_REDIS", "DB_SQLITE3",
        "DB_SYN_MONGODB", "DB_SYN_PGSQL", "DB_SYN_REDIS", "PROTO_GRPC", "PROTO_GRPCS",
        "PROTO_HTTP", "PROTO_HTTPS", "PROTO_SYN_HTTP", "PROTO_SYN_HTTPS", "PROTO_WS",
        "PROTO_MQTT", "PROTO_MQTTS", "PROTO_SMTP", "PROTO_WSS",
    ),
    "runtime.outcome": ("STA_NETERR", "STA_NORMAL", "STA_REQFAIL", "STA_TIMEOUT", "STA_UNSENT"),
    "runtime.task": ("Mask", "Task", "Tasks"),
    "scalars": ("Pattern", "Range", "Secret"),
    "sharing": ("g", "register_g"),
    "store.database": ("Database",),
    "store.querying": ("Q",),
    "testing.process": ("test_client",),
    "uploads": ("Upload",),
    "web": ("charts",),
    "web.otp": ("generate_otp",),
    "websockets.specs": (
        "WS_CHANNEL", "WS_CHATTY", "WS_COROUTINE", "WS_NOPOOL", "WS_NOTHREAD", "WS_SESSION", "WS_THREAD",
        "WS_THREADSAFE",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
# Rooms with public names of their own: `@atilite.flow.behavior`, `@atilite.pod.pass_context`.
_ROOMS = ("flow", "pod")

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'atilite' has no attribute {name!r}")
    try:
        module = importlib.import_module(f".{home}", __name__)
    except ModuleNotFoundError as error:
        # Most often the program was started with another Python than the one that has its packages.
        if error.name is not None and not error.name.startswith(__name__):
            remedy = "pip install -r requirements.txt, or .venv/bin/python"
            error.add_note(f"{sys.executable} lacks {error.name} ({remedy})")
        raise
    value = importlib.import_module(f".{home}.{name}", __name__) if home == "web" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
