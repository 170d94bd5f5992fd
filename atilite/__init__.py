"""atilite: write plain functions, get buttons, URLs, schedules, services and a journal of every run."""

from .app import Atilite
from .automation.parameters import Pattern, Range, Secret, Upload
from .cli.entry import run
from .context import current_journal
from .errors import Error
from .events import Emitter
from .launch import abspath, alias, mount
from .mounting import preference
from .resources.aliases import PROTO_HTTP, PROTO_HTTPS
from .runtime.outcome import STA_NETERR, STA_NORMAL, STA_REQFAIL, STA_TIMEOUT, STA_UNSENT
from .runtime.task import Mask, Task, Tasks
from .web import charts

__version__ = "0.1.0"

__all__ = [
    "PROTO_HTTP",
    "PROTO_HTTPS",
    "STA_NETERR",
    "STA_NORMAL",
    "STA_REQFAIL",
    "STA_TIMEOUT",
    "STA_UNSENT",
    "Atilite",
    "Emitter",
    "Error",
    "Mask",
    "Pattern",
    "Range",
    "Secret",
    "Task",
    "Tasks",
    "Upload",
    "abspath",
    "alias",
    "charts",
    "current_journal",
    "mount",
    "preference",
    "run",
]
