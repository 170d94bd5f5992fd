"""Paths that try to climb out of a folder of files: none of a hundred ways finds anything outside."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable

import pytest

from tests.faults.program import Program

SCRIPT = """
    import atilite
    from atilite import Atilite

    app = Atilite(__name__)

    @app.route("/", methods=["GET"])
    def home(was):
        return "home"

    with atilite.preference() as pref:
        pref.set_static("/static", "static")
        atilite.mount("/", app, pref)
    atilite.mount("/files", "static")
    atilite.run(name="climbing")
"""
SECRET = b"the key to everything"
PLACES = ("/static", "/files")

UPS = (
    "..", "%2e%2e", ".%2e", "%2E.", "..;", "..;x=y", "%252e%252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..%00",
    "%00..", "...", "....", "..%20", "..%09", "..%0d%0a", "\u2025", "%uff0e%uff0e", "..%ff", "~", "~root", ".%00.",
)  # fmt: skip
SLASHES = ("/", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "//")
TARGETS = ("secret.txt", "serve.py", "data.db", "atilite.toml")


def paths() -> list[str]:
    """At least a hundred of them, in the form in which they go over the wire."""
    made = [f"{up}{slash}{target}" for up, slash, target in itertools.product(UPS, SLASHES, TARGETS[:2])]
    deep = [f"{'../' * depth}etc/passwd" for depth in range(1, 12)]
    deep += [f"{'%2e%2e%2f' * depth}etc/passwd" for depth in range(1, 12)]
    inside = [f"sub{slash}{up}{slash}{up}{slash}{target}" for up, slash, target in
              itertools.product(UPS[:6], SLASHES[:5], TARGETS)]  # fmt: skip
    absolute = [
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "file:///etc/passwd",
        "C:\\boot.ini",
        "/proc/self/environ",
    ]
    odd = [
        "link.txt", "linked/secret.txt", "loop", "hidden/.env", ".env", ".git/config", "sub/.hidden",
        "secret.txt%00.css", "a.txt%00", "a.txt/", "a.txt/..", "pipe", "sub%00/", "%", "%zz", "%2", "a.txt%", "\x7f",
        "%ed%a0%80", "a" * 5000, "/".join("a" * 2000),
    ]  # fmt: skip
    return made + deep + inside + absolute + odd


@pytest.fixture(scope="module")
def program(serve: Callable[..., Program], tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("climbing")
    made = serve(SCRIPT, folder=folder)
    root = folder / "static"
    (root / "sub").mkdir(parents=True)
    (root / "hidden").mkdir()
    (root / ".git").mkdir()
    (root / "a.txt").write_text("public")
    (folder / "outside").mkdir()
    for place in (folder, folder / "outside"):
        (place / "secret.txt").write_bytes(SECRET)
    for name in (".env", "hidden/.env", ".git/config", "sub/.hidden"):
        (root / name).write_bytes(SECRET)
    (folder / "atilite.toml").write_text("# " + SECRET.decode() + "\n")
    (root / "link.txt").symlink_to(folder / "secret.txt")
    (root / "linked").symlink_to(folder / "outside")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    return made.start()


def ask(program: Program, target: str, method: str = "GET") -> bytes:
    """Send a target exactly as it is; the whole answer."""
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as sock:
        request = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        sock.sendall(request.encode("utf-8", "surrogateescape"))
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        return answer


@pytest.mark.row("reliability-29", "A15")
@pytest.mark.parametrize("place", PLACES)
def test_no_way_of_writing_a_path_leads_outside(program: Program, place: str) -> None:
    found = paths()
    assert len(found) >= 100
    source = (program.folder / "serve.py").read_bytes()[:200]
    wrong = []
    for path in found:
        answer = ask(program, f"{place}/{path}")
        status = int(answer.split(b" ", 2)[1])
        leaked = SECRET in answer or b"root:" in answer or source in answer or b"SQLite format" in answer
        if leaked or not (400 <= status < 500 or (path == "a.txt/.." and status == 301)):
            wrong.append((path[:100], status, leaked))
    assert wrong == []


@pytest.mark.row("reliability-29")
@pytest.mark.parametrize("prefix", ["", "/console", "/console/console.css", "/internal/kv", "/internal/journal/1"])
def test_nor_does_one_below_what_is_no_folder_of_files(program: Program, prefix: str) -> None:
    for up, slash in itertools.product(UPS, SLASHES):
        answer = ask(program, f"{prefix}/{up}{slash}secret.txt")
        assert SECRET not in answer
        assert int(answer.split(b" ", 2)[1]) < 500, (prefix, up, slash)


@pytest.mark.row("reliability-29")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "TRACE"])
def test_files_are_only_read(program: Program, method: str) -> None:
    for place in PLACES:
        assert int(ask(program, f"{place}/a.txt", method).split(b" ", 2)[1]) in (404, 405, 501)
    assert (program.folder / "static" / "a.txt").read_text() == "public"


@pytest.mark.row("reliability-29", "A15")
@pytest.mark.parametrize("place", PLACES)
def test_what_is_inside_is_served(program: Program, place: str) -> None:
    for name in ("a.txt", "%61.txt", "/a.txt"):
        assert ask(program, f"{place}/{name}").endswith(b"public"), name
