"""A Python console of the running pod, on a port of this machine or a Unix socket, for who has its token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any

from atilite.errors import SetupError
from atilite.lazily import in_asyncio
from atilite.pod.connections import Connections, Listening, place_of
from atilite.pod.interpreter import Interpreter, waits
from atilite.pod.keys import keys_of
from atilite.pod.simple import SimpleServer
from atilite.quickly import dataclass
from atilite.runtime.executors import Threads
from atilite.scalars import Range

LINE = 1 << 16
# Seconds in which the token has to come.
PATIENCE = 30.0
SHORTEST = 8
# What telnet clients say to each other between the lines.
TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].|[\xf0-\xfa])", re.DOTALL)
END = "\x04"  # Ctrl-D, where a client sends it as a letter


@dataclass(frozen=True)
class ConsoleKeys:
    """The keys. `unix` is the path of a socket, `token` wins over `token_file`, `sessions` is how many at once."""

    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 9398
    unix: str = ""
    token: str = ""
    token_file: str = "console.token"
    sessions: Annotated[int, Range(1, 100)] = 4


class Console(SimpleServer):
    """The bean that lets one look into the pod while it runs: `nc 127.0.0.1 9398`, then the token, then Python.

    `context`, `pod` and `beans` are there. A line runs on a thread of its session, one with an `await` at its top on
    the loop of the beans. Without `token` it is in `token_file`, which is made, and taken away again, if there is
    none. Who has the token can do all that the process can; so only this machine is listened to.
    """

    #: Seconds until a wrong token is answered.
    wrong_delay = 1.0

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.address = ""
        self._connections = Connections()
        self._listening: Listening | None = None
        self._made: Path | None = None

    async def startup(self, **kwargs: Any) -> None:
        """Listen. Raises SetupError."""
        keys, _ = keys_of(ConsoleKeys, kwargs, self)
        if not keys.unix and not _loopback(keys.host):
            raise SetupError(
                f"a console cannot listen at {keys.host}: only at an address of this machine itself, "
                "such as 127.0.0.1 (from elsewhere, go through `ssh -L`)"
            )
        self._sessions = keys.sessions
        self._token = self._token_of(keys)
        place = f"unix:{keys.unix}" if keys.unix else place_of(keys.host, keys.port)
        self._listening = Listening(place, self._connections.streams(self._connected, LINE))
        (self.address, *_) = await self._listening.open()
        where = "the key of the bean" if keys.token else keys.token_file
        self.logger.info("a console is at %s; its token is in %s", self.address, where)

    async def run(self, **kwargs: Any) -> None:
        """Serve until the pod is about to end."""
        await self.stop_asked()

    async def cleanup(self, **kwargs: Any) -> None:
        """End the sessions."""
        if self._listening is not None:
            self._listening.close()
        await self._connections.end(0)
        if self._made is not None:
            self._made.unlink(missing_ok=True)

    def _token_of(self, keys: ConsoleKeys) -> bytes:
        token = keys.token or self._from_file(Path(keys.token_file))
        if len(token) < SHORTEST:
            raise SetupError(f"the token of a console has at least {SHORTEST} letters")
        return token.encode()

    def _from_file(self, path: Path) -> str:
        try:
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                self._made = path
                token = secrets.token_urlsafe(24)
                file.write(token + "\n")
            return token
        except FileExistsError:
            return _kept(path)
        except OSError as error:
            raise SetupError(f"{path} cannot be made: {error.strerror} (name another token_file)") from None

    # -- sessions

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) > self._sessions:
            writer.write(b"there are as many sessions as may be; try again later\n")
            return
        if await self._admitted(reader, writer):
            await Session(self.context, reader, writer).serve()

    async def _admitted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername") or "a Unix socket"
        writer.write(b"token: ")
        try:
            given = await asyncio.wait_for(read_line(reader), PATIENCE)
        except TimeoutError:
            return False
        if given is not None and hmac.compare_digest(given.encode(), self._token):
            self.logger.info("a session begins for %s", peer)
            return True
        self.logger.warning("a wrong token came from %s", peer)
        await asyncio.sleep(self.wrong_delay)
        writer.write(b"that is not the token\n")
        return False


class Session:
    """One client of a console, with a namespace of its own."""

    def __init__(self, context: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(1, name="atilite-console")
        names = {"context": context, "pod": context.pod, "beans": context.pod.beans}
        self._interpreter = Interpreter(names, self._write)

    async def serve(self) -> None:
        """Ask and answer until the client has enough, or the pod ends."""
        try:
            self._write("Python in the pod: context, pod and beans are there, await works. exit() ends the session.\n")
            while (source := await self._statement()) is not None:
                if not await self._executed(source):
                    return
        except asyncio.CancelledError:
            self._write("\nthe pod ends\n")
            raise
        finally:
            self._threads.stop(0)

    async def _statement(self) -> Any:
        """The code of the next statement, of one line or several; None at the end."""
        typed = ""
        while True:
            self._write("... " if typed else ">>> ")
            await self._writer.drain()
            line = await read_line(self._reader)
            if line is None:
                return None
            typed = f"{typed}\n{line}" if typed else line
            try:
                code = self._interpreter.compiled(typed)
            except (SyntaxError, ValueError, OverflowError) as error:
                self._interpreter.tell(error)
                typed = ""
            else:
                if code is not None:
                    return code

    async def _executed(self, code: Any) -> bool:
        if waits(code):
            return await self._interpreter.wait(code)
        return await self._threads.submit(self._interpreter.run, code)

    def _write(self, text: str) -> None:
        """Send it. On a thread this waits until the client keeps up."""
        if in_asyncio():
            self._writer.write(text.encode("utf-8", "backslashreplace"))
        else:
            asyncio.run_coroutine_threadsafe(self._sent(text), self._loop).result()

    async def _sent(self, text: str) -> None:
        self._writer.write(text.encode("utf-8", "backslashreplace"))
        await self._writer.drain()


async def read_line(reader: asyncio.StreamReader) -> str | None:
    """The next line without its end; None when there are no more, or one is longer than a line may be."""
    try:
        line = await reader.readline()
    except ValueError:
        return None
    text = TELNET.sub(b"", line).decode("utf-8", "replace").rstrip("\r\n")
    return None if not line or text == END else text


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _kept(path: Path) -> str:
    """The token of a file that is there already. Raises SetupError if others may read it, or have written it."""
    try:
        with path.open() as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in (os.geteuid(), 0):
                raise SetupError(f"{path} belongs to somebody else, who knows the token (name another token_file)")
            if status.st_mode & 0o077:
                raise SetupError(f"{path} may be read by others: chmod 600 {path}")
            return file.readline().strip()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror} (name another token_file)") from None
