"""Random plans that are right: the same seed makes the same one."""

from __future__ import annotations

import random
from collections.abc import Callable

SHARES = (".x", ".y", ".z", ".deep.x", ".deep.er.y")
CONTEXTS = ("enter", "recur", "precur", "exit", "renter", "rexit")
STATUSES = ("readied", "started", "running", "stopped", "aborted")
RELATIONS = ("", " of framer", " of frame", " of me", " of root")
COMPARISONS = ("==", "!=", "<", "<=", ">=", ">")


class _Framer:
    """A framer to be, with what may be named in it."""

    def __init__(self, name: str, schedule: str, frames: list[str], options: str = "") -> None:
        self.name, self.schedule, self.frames, self.options = name, schedule, frames, options


class Plans:
    """Makes scripts. `marks` lets needs look for updates, `clones` lets moot framers be cloned."""

    def __init__(self, seed: int, *, marks: bool = True, clones: bool = True, vias: bool = True) -> None:
        self.random = random.Random(seed)
        self._marks, self._vias = marks, vias
        self._framers: list[_Framer] = []
        self._clones = clones
        self._over: dict[str, str] = {}
        self._used_auxes: set[tuple[str, str]] = set()
        self._tags: list[tuple[str, str]] = []  # of the clones that have a name, with the framer that has them

    def script(self) -> str:
        """A whole plan."""
        pick = self.random
        self._declare()
        lines = ["house plan"]
        lines += [f"init {path} with {pick.randint(-1, 4)}" for path in SHARES]
        lines += ["init .rate with 0.25", "init .two with a 1 b 2.5"]
        lines.append(f"init .flag with {pick.choice(['true', 'false'])}")
        for framer in self._framers:
            lines += self._framer(framer)
        return "\n".join(lines) + "\n"

    def _declare(self) -> None:
        pick = self.random
        kinds = ["active"] * pick.randint(1, 3) + pick.choices(
            ["active", "inactive", "aux", "aux", "slave", "moot"], k=pick.randint(0, 4)
        )
        if not self._clones:
            kinds = [kind for kind in kinds if kind != "moot"]
        for number, kind in enumerate(kinds):
            frames = [f"{'abcdefg'[at]}{number}" for at in range(pick.randint(1, 6 if kind == "active" else 4))]
            options = ""
            if kind in ("active", "inactive"):
                options += pick.choice(["", "", "", f" at {pick.choice([0.25, 0.3, 0.5])}"])
                options += pick.choice(["", "", " in front", " in mid", " in back"])
            if self._vias and pick.random() < 0.3:
                options += " via " + self._inode()
            if pick.random() < 0.5:
                options += f" first {pick.choice(frames)}"
            self._framers.append(_Framer(f"f{number}", kind, frames, options))

    def _inode(self) -> str:
        return self.random.choice(["one", "one.two.", ".top", ".top.in", "me.mine", "framer.me.own"])

    def _framer(self, framer: _Framer) -> list[str]:
        pick = self.random
        lines = [f"framer {framer.name} be {framer.schedule}{framer.options}"]
        self._over = {
            name: pick.choice(framer.frames[:at]) for at, name in enumerate(framer.frames) if at and pick.random() < 0.5
        }
        for name in framer.frames:
            head = f"frame {name}" + (f" in {self._over[name]}" if name in self._over else "")
            if self._vias and pick.random() < 0.2:
                head += f" via {self._inode()}"
            lines.append(f" {head}")
            lines += self._links(framer, name)
            lines += [f"  {line}" for line in self._acts(framer, name)]
        return lines

    def _links(self, framer: _Framer, name: str) -> list[str]:
        """Other ways than the order to say what comes under a frame, and next."""
        pick, lines = self.random, []
        unders = [under for under, over in self._over.items() if over == name]
        # The original lets all clones of a moot framer share one list of what is under a frame, so none has one here.
        if len(unders) > 1 and framer.schedule != "moot" and pick.random() < 0.4:
            under = pick.choice(unders)
            lines.append(f"  under {under}")
            # It is entered by default now, so it comes first among them.
            self._over = {under: name, **{one: over for one, over in self._over.items() if one != under}}
        if pick.random() < 0.1 and name != framer.frames[-1]:
            lines.append(f"  next {pick.choice(framer.frames)}")
        return lines

    def _outline(self, name: str) -> set[str]:
        """The frames over a frame, itself, and those that are entered with it."""
        found, at = {name}, name
        while at in self._over:
            at = self._over[at]
            found.add(at)
        unders = [under for under, over in self._over.items() if over == name]
        while unders:
            found.add(unders[0])
            unders = [under for under, over in self._over.items() if over == unders[0]]
        return found

    # -- acts ---------------------------------------------------------------------------------------------------------

    def _acts(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        lines: list[str] = []
        if pick.random() < 0.3:
            lines += ["put 0 into d of frame", "recur", "inc d of frame with 1", "native"]
            lines.append(f"go {self._target(framer, frame)} if d of frame >= {pick.randint(1, 4)}")
        for _ in range(pick.randint(0, 5)):
            if pick.random() < 0.35:
                lines.append(pick.choice([*CONTEXTS, "native"]))
            lines += self._act(framer, frame)
        if pick.random() < 0.5:
            lines.append(self._leave(framer, frame))
        return lines

    def _act(self, framer: _Framer, frame: str) -> list[str]:
        acts: list[Callable[[_Framer, str], list[str]]] = [
            self._data, self._data, self._data, self._go, self._go, self._control, self._aux, self._aux, self._clone,
            self._let, self._told,
        ]  # fmt: skip
        return self.random.choice(acts)(framer, frame)

    def _told(self, framer: _Framer, frame: str) -> list[str]:
        return [f"print {framer.name} {frame} {self.random.randint(0, 99)}"]

    def _data(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        path, other = pick.choice(SHARES), pick.choice(SHARES)
        other_framer = pick.choice(self._framers)
        if framer.schedule == "moot" and pick.random() < 0.3:
            return [pick.choice([
                f"put 8 into framer.main.g{frame}", "put 9 into h of frame main", "inc .x with 1", "put 1 into j of me",
                "put 2 into m of framer main",
            ])]  # fmt: skip
        return [pick.choice([
            f"put {pick.randint(-2, 5)} into {path}", f"put {pick.choice([1.5, '0x10', -0.25])} into {path}",
            f"inc {path} with {pick.choice([1, 2, -1, 0.5])}", f"inc {path} from {other}",
            f"copy {path} into {other}", f"set {path} with {pick.randint(0, 3)}", f"set {path} from {other}",
            f"put {pick.choice(['true', 'false'])} into .flag", f"put a {pick.randint(0, 5)} into .two",
            f"put a {pick.randint(0, 5)} b 7 into .two", "inc .two with a 1 b -1", "inc b in .two with 2",
            f"copy a in .two into {path}", f"copy {path} into b in .two", "copy a b in .two into b a in .two",
            f"put {pick.randint(0, 9)} into r.s{pick.choice(RELATIONS)}",
            f"put x 1 y {pick.randint(0, 9)} into r.t{pick.choice(RELATIONS)}",
            f"copy {path} into r.u{pick.choice(RELATIONS)}",
            f"put 6 into p of frame {pick.choice(framer.frames)}", f"copy {path} into q of root",
            f"put {pick.randint(0, 9)} into framer.me.r.v", "put 3 into me.w", "put 4 into frame.me.k",
            f"put 5 into o of framer {other_framer.name}",
            f"put 5 into o of frame {pick.choice(other_framer.frames)} of framer {other_framer.name}",
            'put "some text" into .text', "put none into .nothing", "copy .two into .pair",
            f"set elapsed with {pick.choice([0.25, 0.5, 1])}", f"set recurred with {pick.randint(1, 5)}",
        ])]  # fmt: skip

    def _target(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        last = frame == framer.frames[-1]
        return pick.choice([*framer.frames, "me"] + ([] if last else ["next", "next", "next"]))

    def _go(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        if frame != framer.frames[-1] and pick.random() < 0.2:
            return [pick.choice([f"timeout {pick.choice([0.25, 0.5, 1.0])}", f"repeat {pick.randint(0, 4)}"])]
        return [f"go {self._target(framer, frame)} if {self._needs(framer, frame)}"]

    def _leave(self, framer: _Framer, frame: str) -> str:
        return f"go {self._target(framer, frame)} if elapsed >= {self.random.choice([0.125, 0.25, 0.5, 1])}"

    def _let(self, framer: _Framer, frame: str) -> list[str]:
        if self.random.random() < 0.6:
            return []
        return [f"let {self.random.choice(['', 'me '])}if {self._need(framer, frame)}"]

    def _of(self, *schedules: str) -> list[_Framer]:
        return [framer for framer in self._framers if framer.schedule in schedules]

    def _control(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        slaves, lines = self._of("slave"), []
        if slaves and framer.schedule == "active" and pick.random() < 0.6:
            slave = pick.choice(slaves).name
            lines = [f"{verb} {slave}" for verb in pick.choices(["ready", "start", "run", "run", "stop"], k=2)]
            lines += ["native"] + ([f"abort {slave}"] if pick.random() < 0.1 else [])
            return lines
        if framer.schedule in ("aux", "slave", "moot") and pick.random() < 0.6:
            return [pick.choice(["done", "done me"])]
        others = [one.name for one in self._of("active", "inactive")]
        control = pick.choice(["stop", "start", "start", "run", "ready", "abort"] if pick.random() < 0.3 else ["start"])
        who = pick.choice([*others, "all" if pick.random() < 0.1 else others[0]])
        if framer.schedule in ("active", "inactive") and pick.random() < 0.2:
            who = "me"
        periodic = control in ("start", "run") and pick.random() < 0.3
        at = f" at {pick.choice([0, 0.25, 0.5, '.rate'])}" if periodic else ""
        return [f"bid {control} {who}{at}"]

    def _aux(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        # A framer runs only those that are declared behind it, so that none runs in itself.
        at = self._framers.index(framer)
        auxes = [one.name for one in self._framers[at + 1 :] if one.schedule == "aux"]
        if not auxes:
            return []
        aux = pick.choice(auxes)
        if pick.random() < 0.5:
            return [f"aux {aux} if {self._needs(framer, frame)}"]
        if (frame, aux) in self._used_auxes:
            return []
        self._used_auxes.add((frame, aux))
        return [f"aux {aux}"]

    def _clone(self, framer: _Framer, frame: str) -> list[str]:
        pick = self.random
        at = self._framers.index(framer)
        moots = [one.name for one in self._framers[at + 1 :] if one.schedule == "moot"]
        if not moots:
            return []
        moot = pick.choice(moots)
        others = [one for one in framer.frames if one not in self._outline(frame)]
        chosen = pick.random()
        if chosen < 0.3 and others:
            return [f"rear {moot} in frame {pick.choice(others)}"]
        if chosen < 0.5:
            which, where = pick.choice(["all", "first", "last"]), pick.choice(["", " in frame", f" in frame {frame}"])
            return [f"raze {which}{where}"]
        if chosen < 0.6:
            self._tags.append((framer.name, f"k{len(self._tags)}"))
            return [f"aux {moot} as {self._tags[-1][1]}"]
        via = f" via {self._inode()}" if self._vias and pick.random() < 0.5 else pick.choice(["", " via mine"])
        return [f"aux {moot} as mine{via}"]

    # -- needs --------------------------------------------------------------------------------------------------------

    def _needs(self, framer: _Framer, frame: str) -> str:
        return " and ".join(self._need(framer, frame) for _ in range(self.random.choice([1, 1, 1, 2])))

    def _need(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        negated = "not " if pick.random() < 0.2 else ""
        return negated + pick.choice([self._clock, self._compared, self._compared, self._marked, self._status])(
            framer, frame
        )

    def _clock(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        if pick.random() < 0.5:
            whose, comparison = pick.choice(["", "", "re me ", "re "]), pick.choice([">=", ">", "<"])
            return f"elapsed {whose}{comparison} {pick.choice([0.125, 0.25, 0.5, 1.0])}"
        return f"recurred {pick.choice(['>=', '==', '<', '!='])} {pick.randint(1, 5)}"

    def _compared(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        path, other, comparison = pick.choice(SHARES), pick.choice(SHARES), pick.choice(COMPARISONS)
        tolerance = pick.choice(["", "", " +- 1"])
        return pick.choice([
            f"{path} {comparison} {pick.randint(-1, 6)}{tolerance}", f"{path} {comparison} {other}{tolerance}",
            ".flag", path, f"a in .two {comparison} {pick.randint(0, 5)}", f"b in .two {comparison} {path}",
        ])  # fmt: skip

    def _marked(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        kind = pick.choice(["updated", "changed"]) if self._marks else "changed"
        where = pick.choice(["", " in frame", " in frame me", f" in frame {pick.choice(framer.frames)}"])
        by = pick.choice(["", "", " by mark"])
        return f"{pick.choice([*SHARES, '.two'])} is {kind}{where}{by}"

    def _status(self, framer: _Framer, frame: str) -> str:
        pick = self.random
        one = pick.choice([one for one in self._framers if one.schedule != "moot"])
        tags = [tag for owner, tag in self._tags if owner == framer.name]
        if tags and pick.random() < 0.5:
            return f"aux {pick.choice(tags)}{pick.choice(['', ' in frame', f' in frame {frame}'])} is done"
        return pick.choice([
            f"{one.name} is {pick.choice(STATUSES)}", f"{one.name} is done", "any is done", "all is done",
            f"any in frame {pick.choice(framer.frames)} is done", f"me is {pick.choice(STATUSES)}",
        ])  # fmt: skip
