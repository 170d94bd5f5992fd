"""Which requirement rows have a test: `python -m tests.rows [--have] [--json]`.

A test says what it holds with `@pytest.mark.row("B12")` (several names are allowed). The marks are found by reading the
source, so that nothing is imported and the answer comes at once. Rows of a part that is not built yet are listed like
all others: the list of what lacks a test is the list of what cannot be promised.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {
    "A": "framework", "D": "decisions", "B": "platform", "P": "pod", "I": "flow", "r": "reliability",
    "M": "must-haves", "p": "defects and promises of pods",
}  # fmt: skip

TITLES = """
A1 the application object
A2 a program in a single file
A3 mounting a module, an app or a folder at a prefix
A4 run with port, address, name, threads
A5 preferences of one app
A6 options of the user's own
A7 __config__ before the app exists
A8 __app__ makes the app
A9 __setup__ mounts sub-modules
A10 __mount__ declares routes, and mounts nothing
A11 __umount__ at the end and before a reload
A12 nested mounts join their prefixes; options
A13 a nested point is relative to its parent
A14 an empty rule, a slash rule, and the redirect between them
A15 a static folder wins over a route
A16 a media folder
A17 the largest upload
A18 the interval of maintenance
A19 the other configuration defaults
A20 abspath counts from the launch script
A21 the folder convention
A22 --devel
A23 changed modules are remounted in place
A24 static before app, explicit before implicit
A25 @app.on, several names
A26 app.emit and who hears it
A27 emit_after, broadcast
A28 the seven life cycle events
A29 their decorators
A30 a reload replaces handlers
A31 extends
A32 overrides
A33 extends and overrides with functions
A34 unroute
A35 app.store
A36 app.g
A37 was.g over all apps
A38 request.g
A39 setlu and its event
A40 getlu
A41 register_g
A42 the shared numbers
A43 shared values are numbers
A44 named locks
A45 maintenance jobs on a timer
A46 an app subscribes to another
A47 was.apps
A48 addresses of another app's resources
A49 was comes first
A50 the members of was
A51 websocket handlers have no response
A52 the small helpers of was
A53 CORS for a whole app
A54 CORS for a route
A55 the preflight answer
A56 a foreign origin
A57 permission_handler
A58 identification_required
A59 login_required
A60 permission_required
A61 permissions by argument
A62 notme is for reading
A63 permissions by method are added
A64 authentication of a route
A65 authentication of an app
A66 401 names the scheme
A67 the forms of a user's entry
A68 authorization_handler
A69 digest authentication
A70 basic authentication
A71 the user on the request
A72 bearer authentication with a JWT
A73 bearer_handler
A74 the claims of a token
A75 before_request
A76 finish_request may replace the response
A77 failed_request
A78 teardown_request
A79 one hook of a kind
A80 the events of a request
A81 hooks around a coroutine
A82 members of the request
A83 arguments by source
A84 split_uri
A85 headers, body, addresses, types
A86 what was routed
A87 acceptable, real_ip
A88 the environ
A89 app.route and its options
A90 405 for a wrong method
A91 415 for a wrong content type
A92 several routes on one function
A93 parameters in a path
A94 a path without its last parameter
A95 arguments by name from everywhere
A96 400 for missing and unknown arguments
A97 which source wins
A98 a broken JSON body
A99 app.inspect
A100 the kinds of inspect
A101 conversions
A102 e-mail, UUID, tags, scripts
A103 nones
A104 oneof, manyof
A105 required with dots
A106 a type, a pattern or a value
A107 operators
A108 paths into JSON
A109 the handler gets converted values
A110 values in templates
A111 an uploaded file
A112 what can be done with it
A113 streaming the body in
A114 cookies
A115 the session
A116 what extends a session
A117 expiry of a session
A118 sessions with a name
A119 mbox.send
A120 mbox.get
A121 mbox.search, remove
A122 was.pipe
A123 urlfor by name
A124 urlfor by path
A125 static and media URLs
A126 urlpatch, baseurl, urlspec
A127 testpass_required
A128 if_file_modified
A129 if_cache_updated
A130 run_before, run_after
A131 aliases
A132 the contract of a task
A133 options of a task
A134 stubs
A135 XML-RPC, JSON-RPC, gRPC
A136 queries
A137 MongoDB and Redis
A138 Thread
A139 Process
A140 Subprocess
A141 Mask
A142 Tasks
A143 Tasks: add, merge, slices
A144 coroutines in routes
A145 which thread a coroutine runs in
A146 an error in a coroutine
A147 one request to all members
A148 caching of queries
A149 database interfaces of one's own
A150 the response object
A151 ETag, mtime, max age
A152 was.Error
A153 error bodies by Accept
A154 a bug is a 500
A155 what a handler may return
A156 was.API
A157 was.Fault
A158 render, render_or_API
A159 was.File
A160 Static, Media, MountedFile
A161 a generator is a stream
A162 redirect
A163 RPC calls
A164 ProxyPass
A165 ThreadPass
A166 Queue
A167 task.then
A168 Map
A169 names in Map
A170 caching options of Map
A171 Mapped, render_or_Map
A172 a coroutine that streams
A173 names in templates
A174 the template dialect
A175 globals, filters, extensions
A176 tasks in templates
A177 error pages of one's own
A178 log, traceback
A179 CSRF
A180 JWT
A181 one-time passwords
A182 one-time tokens
A183 websocket decorator
A184 websocket coroutines
A185 websocket calls in threads
A186 websocket calls on the loop
A187 sending from any thread
A188 sessions and encodings of websockets
A189 pushing to a client by id
A190 no cookie from onopen
A191 the test client
A192 a test client inside the process
A193 documentation from tests
A194 commands of the launch script
A195 install writes a unit
A196 the switches
A197 nginx configuration
A198 never root by accident
A199 models of other frameworks
A200 the odd ends
A201 __spec__ in developer mode
A202 a client for a running server
A203 was.Task
A204 tasks without an alias
D1 nested points are relative
D2 the seven events of an app's life
D3 extends in any order
D4 maintenance runs on a timer
D5 permissions by method are a union
D6 basic authentication works
D7 the claims are always the user
D8 finish_request gets the response and may replace it
D9 the event is called finish_request
D10 a content type that is not taken is 415
D11 underscores in paths stay
D12 broken JSON is 400
D13 exactly one of several
D14 an upload always has a path
D15 input streaming with and without a length
D16 reading does not extend a session
D17 a category without messages is an empty list
D18 if_cache_updated takes a name and a list
D19 one path for errors in coroutines
D20 a bug is 500
D21 error pages for HTML clients only
D22 one-time passwords of RFC 6238
D23 onopen comes first
D24 the time limit of a subprocess is kept
D25 a transparent proxy
B1 replaceable parts
B2 the app is server and registry
B3 decorators in any order
B4 shared default database
B5 app.action bare and with keywords
B6 default name and description
B7 journaling of an action
B8 names of actions and their order
B9 the list of actions
B10 invoke
B11 app.journal bare and with keywords
B12 what a journal holds
B13 records with fields
B14 labels
B15 the current journal
B16 get and headline
B17 history
B18 search
B19 remove_dead
B20 the two journal events
B21 the values of journals
B22 journals elsewhere
B23 KV set, get, remove
B24 KV save, load
B25 namespaces
B26 app.service
B27 the states of a service
B28 the list of services
B29 start and stop
B30 two services of one name
B31 service_changed
B32 schedules
B33 emit does not block and loses nothing
B34 subscribe with a queue
B35 permanent subscribers
B36 URLs of pages and documents
B37 the internal API
B38 the environment
B39 one file: backup and restore
B40 small boards
B41 code in git, data in a file
B42 the container recipe
B43 behind a proxy
B44 a light page
B45 the actions page
B46 the runs page
B47 the page of one run
B48 the services page
P1 the pod
P2 the bean
P3 a coroutine object
P4 a coroutine function
P5 a class
P6 ids
P7 labels
P8 the context
P9 pass_context
P10 signals of one's own
P11 signals of the system
P12 stopping in time
P13 the natural end
P14 the configuration file
P15 reserved keys
P16 environment
P17 a file for one bean
P18 the command line
P19 beans on the command line
P20 the import path
P21 logging
P22 a simple server
P23 producer and consumers
P24 lines from stdin
P25 a TCP server
P26 a WSGI server
P27 several listeners
P28 a monitor
P29 a console
pod-defect-1 an error in a bean is told
pod-defect-2 a bean that cannot be loaded
pod-defect-3 the deadline has a default
pod-defect-4 cleanup always runs
pod-defect-5 a bean that swallows its cancellation
pod-defect-6 on_stop is called once
pod-defect-7 labels filter
pod-defect-8 a config_file concerns one bean
pod-defect-9 a consumer that raises
pod-defect-10 restarts, health, order, readiness, status, adding, blocking
pod-promise-1 start in order, stop in reverse
pod-promise-2 the policy judges how it ended
pod-promise-3 bounded restarts
pod-promise-4 longer and longer delays
pod-promise-5 running means ready
pod-promise-6 a deadline, then force
pod-promise-7 a group restarts together
pod-promise-8 a small state machine
pod-promise-9 hooks that can veto
pod-promise-10 liveness, no orphans, signals during the start
I1 house
I2 framer
I3 status and control
I4 period
I5 first
I6 frame
I7 over, under, next
I8 outline
I9 nesting
I10 contexts
I11 a turn
I12 a transition
I13 priorities
I14 let
I15 go
I16 timeout, repeat
I17 elapsed, recurred
I18 comparisons
I19 update, change
I20 status, done
I21 aux
I22 conditional aux
I23 done
I24 slave
I25 moot and clones
I26 rear, raze
I27 bid
I28 share
I29 node
I30 time
I31 the verbs of data
I32 addressing
I33 inodes
I34 literals
I35 built-in shares
I36 do
I37 behaviours from functions
I38 the library
I39 connections are data
I40 logs
I41 print, load, server
I42 lines
I43 errors
I44 the command line
I45 a server in the loop
I46 a client in the loop
I47 reliable transport
I48 the trace
I49 promises of the whole
reliability-1 many keep-alive clients
reliability-2 a queue of ten thousand journals
reliability-3 a day of schedules and clock changes
reliability-4 a million short actions
reliability-5 a ceiling for memory
reliability-6 a hundred viewers of one run
reliability-7 kill -9 at random
reliability-8 kill -9 in a migration
reliability-9 SIGTERM with running actions
reliability-10 a full disk
reliability-11 one line for a database that cannot be opened
reliability-12 backup under writes
reliability-13 actions that misbehave
reliability-14 a service that crashes at once
reliability-15 an outside database that is away
reliability-16 the watchdog, and restarts that refuse nobody
reliability-17 a corpus of raw requests
reliability-18 clients that drip
reliability-19 bodies that are too much
reliability-20 the websocket conformance cases
reliability-21 the API document against the API
reliability-22 random parameters
reliability-23 every route with every identity
reliability-24 CSRF
reliability-25 Host and redirects
reliability-26 sessions
reliability-27 login
reliability-28 text that is markup
reliability-29 paths that climb
reliability-30 no open address without an account, no secret in a log
reliability-31 a hardened unit
M1 a truthful record of each run
M2 typed parameters make the form
M3 login, tokens and roles
M4 a run that is watched live
M5 a history that stays fast
M6 retention by age, number and size
M7 schedules that survive clocks
M8 what happens when runs overlap
M9 timeouts, cancelling, retries
M10 supervised services
M11 notifications
M12 SQLite that spares the card
M13 backup, restore, export
M14 small and quick to start
M15 an installed service in one command
M16 a console for phones without scripts
M17 values with a screen
M18 secrets
M19 triggers and events
M20 health, metrics, audit, diagnostics
"""


def titles() -> dict[str, str]:
    """Every row with a short name, in order."""
    return dict(line.split(" ", 1) for line in TITLES.strip().splitlines())  # type: ignore[misc]


def marks(source: str) -> Iterator[tuple[str, str]]:
    """Yield (row, test) for each mark in this source, marks of classes and `pytestmark` included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for decorator in node.decorator_list:
                yield from ((row, node.name) for row in _rows(decorator))
        elif isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
            values = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else [node.value]
            yield from ((row, "the whole module") for value in values for row in _rows(value))


def _rows(node: ast.expr) -> list[str]:
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row"):
        return []
    return [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]


def collect(folder: Path = HERE) -> dict[str, list[str]]:
    """Row -> the tests that carry its mark, as `tests/x/test_y.py::test_z`."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for row, test in marks(path.read_text(encoding="utf-8")):
            found.setdefault(row, []).append(f"{path.relative_to(folder.parent)}::{test}")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rows", description="Requirement rows that lack a test.")
    parser.add_argument("--have", action="store_true", help="list the rows that have one, with the tests")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args(arguments)
    known, found = titles(), collect()
    if options.json:
        print(json.dumps({row: {"title": known[row], "tests": found.get(row, [])} for row in known}, indent=1))
        return 0
    for row, title in known.items():
        if (row in found) == options.have:
            print(f"{row:5} {title}" + "".join(f"\n      {test}" for test in found.get(row, [])))
    for letter, part in PARTS.items():
        rows = [row for row in known if row[0] == letter]
        print(f"{part}: {sum(row in found for row in rows)} of {len(rows)} rows have a test", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
