"""The program: `python serve.py ...`, `python -m atilite --app module:app ...` and the installed `atilite`."""

from __future__ import annotations

import errno
import importlib
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from ..config import given_flags, load
from ..errors import AtiliteError, ConfigError
from ..site import Site, Target
from . import serve
from .call import Call, Program
from .handover import hand_over
from .mistakes import check_word, load_fault
from .parser import Commands

WRONG = 2  # exit code for what another attempt cannot mend: a wrong flag, a wrong value
FAILED = 1
INTERRUPTED = 130
# What becomes of a write where there is no room; a fault in the use of a file tells the file's name as well.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

# The words that each module of this room knows; it is loaded only for them, since a server needs none.
ROOMS = {
    "daemon": ("start", "-d", "stop", "restart", "status"),
    "install": ("install", "update", "uninstall", "remove"),
    "proxy": ("--nginx-conf",),
    "lists": ("routes", "actions", "services", "schedules", "triggers"),
    "run": ("run",),
    "check": ("check",),
    "data": ("backup", "restore", "vacuum", "migrate"),
    "transfer": ("export", "import"),
    "accounts": ("user", "token"),
    "hooks": ("hook",),
    "notify": ("notify", "audit"),
    "control": ("emit",),
    "keys": ("kv",),
    "runs": ("runs",),
    "pod": ("pod",),
    "flow": ("flow",),
}

# The commands that work on the data: whoever has installed a service most often means the data of that.
BESIDE_A_SERVICE = frozenset({*ROOMS["run"], *ROOMS["check"], *ROOMS["data"], *ROOMS["accounts"], "kv", "runs", "emit"})
# Words of commands that change something, which the audit trail tells of.
CHANGING = ("user", "token", "run", "restore", "vacuum", "hook", "notify")


def main(
    argv: Sequence[str] | None = None, *, site: Site | None = None, defaults: Mapping[str, object] | None = None
) -> int:
    """Run one command and return its exit code. Without a command it serves until it is told to stop.

    `site` and `defaults` come from a program that has called `atilite.mount` and `atilite.run(port=...)`; without
    them `--app` says what to serve, or the serve.py of the working directory is run. Call it from the main thread.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    stand_in_for_closed_streams()
    try:
        code = perform(arguments, site, defaults or {})
        sys.stdout.flush()  # here, where it can be told that nobody takes it or that there is no room
        return code
    except ConfigError as error:
        return refuse(error, WRONG)
    except AtiliteError as error:
        return refuse(error, FAILED)
    except (ImportError, SyntaxError) as error:
        fault = load_fault(error)
        if fault is None:
            raise
        return refuse(fault, FAILED)
    except BrokenPipeError:
        # The reader of a list has had enough.
        silence_output()
        return FAILED
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename is not None:
            raise
        silence_output()
        return refuse(AtiliteError(f"{error.strerror} (make room, or send the output elsewhere)"), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def perform(arguments: list[str], site: Site | None, defaults: Mapping[str, object]) -> int:
    """Do what the command line says: by the room of its first word, or by the serve.py that is there."""
    if arguments[:1] in (["pod"], ["flow"]):  # they need neither a site nor its settings, and have their own flags
        return int(importlib.import_module(f".{arguments[0]}", __package__).main(arguments[1:], script_of(site)))
    chosen = any(word == "--app" or word.startswith("--app=") for word in arguments)
    if site is None and not chosen and Path("serve.py").exists():
        return run_script(Path("serve.py"), arguments)
    return dispatch(arguments, site, defaults)


def stand_in_for_closed_streams() -> None:
    """Open what the caller has closed (`>&-`), before a database or a socket gets the number of stdout."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def silence_output() -> None:
    """Print no more: Python would complain once again when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def refuse(error: AtiliteError, code: int) -> int:
    """Print the error as one line."""
    print(f"atilite: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def run_script(script: Path, arguments: Sequence[str]) -> int:
    """Run the user's own program as if it had been started with these arguments."""
    sys.argv[:] = [str(script), *arguments]
    sys.path.insert(0, str(script.parent.resolve()))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


def dispatch(arguments: Sequence[str], site: Site | None, defaults: Mapping[str, object]) -> int:
    """Parse, load the settings, call the command."""
    script = script_of(site)
    commands = Commands(script.name if script else "atilite", defaults, choose_app=site is None)
    serve.add(commands)
    options, others = commands.settings(arguments)
    if others:
        check_word(others[0], [word for words in ROOMS.values() for word in words], commands.prog)
        for room in rooms_for(others[0]):
            importlib.import_module(f".{room}", __package__).add(commands)
        options = commands.parser.parse_args(arguments)
    flags = given_flags(options)
    program = Program(script.parent if script else Path.cwd(), script, getattr(options, "app", ""))
    settings = load(flags, os.environ, program.folder / "atilite.toml", defaults)
    call = Call(program, site or site_of(program), settings, options, flags)
    command = options.command
    if others and others[0] in BESIDE_A_SERVICE:
        importlib.import_module(".install", __package__).tell_of_service(call)
    try:
        code = int(command(call))
        if others and others[0] in CHANGING:
            importlib.import_module(".trail", __package__).leave(call, code)
        return code
    finally:
        if others:
            hand_over(settings.db)


def script_of(site: Site | None) -> Path | None:
    """The user's own program, if that has called us."""
    return Path(sys.argv[0]).resolve() if site is not None and sys.argv[0].endswith(".py") else None


def rooms_for(word: str) -> list[str]:
    """The modules that a command line needs whose first word, but for settings, is this one."""
    known = [room for room, words in ROOMS.items() if word.partition("=")[0] in words]
    return known or list(ROOMS)  # for the help, and to say what there is


def site_of(program: Program) -> Site:
    """The site for `--app`; without it a site that has only the console. Raises ConfigError for an unknown app."""
    site = Site(program.folder)
    if program.app:
        # The installed program does not have the working directory on its path, `python -m` does.
        sys.path.insert(0, str(program.folder))
        site.mount("/", target_of(program.app))
    return site


def target_of(name: str) -> Target:
    """What `module` or `module:name` stands for."""
    module_name, _, attribute = name.partition(":")
    try:
        module: ModuleType = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise ConfigError(f"{module_name}: {error.msg} (install it, or correct its name)") from None
        raise ConfigError(f"there is no module {error.name!r} here (start in its folder, or check --app)") from None
    except SyntaxError as error:
        raise ConfigError(f"{error.filename}, line {error.lineno}: {error.msg} (correct it)") from None
    if not attribute:
        return module
    if not hasattr(module, attribute):
        raise ConfigError(f"module {module_name!r} has no {attribute!r} (write --app {module_name}:app)")
    target: Target = getattr(module, attribute)
    return target
