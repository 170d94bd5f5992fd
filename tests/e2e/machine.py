"""A small machine with systemd as its first process: namespaces, a root folder of its own, and our programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
PYTHON = Path("/opt/python")
PACKAGES = Path("/opt/packages")
BOOT_SECONDS = 30.0

# What would change the machine around it, or look for hardware that it does not have.
MASKED = (
    "systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-modules-load.service", "systemd-sysctl.service", "systemd-binfmt.service", "systemd-remount-fs.service",
    "systemd-random-seed.service", "systemd-hwdb-update.service", "systemd-sysusers.service",
    "systemd-tmpfiles-setup-dev.service", "systemd-update-utmp.service", "systemd-journal-flush.service",
    "systemd-timesyncd.service", "systemd-resolved.service", "systemd-networkd.service", "dbus.service", "dbus.socket",
    "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "proc-sys-fs-binfmt_misc.automount",
    "keyboard-setup.service", "apparmor.service", "getty.target", "remote-fs.target",
    "systemd-logind.service",
)  # fmt: skip

# The first words run in new namespaces; what is mounted there is gone with them.
BOOT = """
set -eu
root=$1 cgroups=$2
if [ -n "$cgroups" ]; then echo $$ > "$cgroups/cgroup.procs"; fi
exec unshare --fork --kill-child --pid --mount --uts --ipc --net --cgroup sh -eu -c '
root=$1 python=$2 packages=$3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind /usr "$root/usr" && mount -o remount,bind,ro "$root/usr"
[ -z "$python" ] || mount --bind "$python" "$root/opt/python"
mount --bind "$packages" "$root/opt/packages"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys" && mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for name in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$name"; done
chmod 1777 "$root/tmp"
mkdir "$root/dev/shm" "$root/dev/pts" && ln -s pts/ptmx "$root/dev/ptmx"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
touch "$root/dev/console" && mount --bind "$root/var/console" "$root/dev/console"
ip link set lo up
exec chroot "$root" env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=0
' sh "$root" "$3" "$4"
"""


class Machine:
    """Boots, runs commands as root, reboots. The folder outlives a reboot; `close` ends every process of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._outer: subprocess.Popen[bytes] | None = None
        self._cgroups = next((path for path in CGROUPS if (path / "cgroup.procs").exists()), None)
        self._group: Path | None = None
        self._furnish()

    def _furnish(self) -> None:
        root = self.root
        root.chmod(0o755)
        for name in ("usr", "proc", "sys", "run", "tmp", "dev", "opt/packages", "opt/python", "etc/systemd/system",
                     "var/lib", "var/tmp", "var/log/journal", "root", "home/ana"):  # fmt: skip
            (root / name).mkdir(parents=True)
        (root / "root").chmod(0o700)
        (root / "home/ana").chmod(0o700)
        for name in ("bin", "sbin", "lib", "lib64", "lib32"):
            if Path("/", name).is_symlink():
                (root / name).symlink_to(f"usr/{name}")
        (root / "var/console").touch()
        (root / "var/run").symlink_to("/run")
        for name in ("passwd", "group", "nsswitch.conf"):
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), root / "etc" / name)
        # A Python that was built elsewhere looks for its library where it was built.
        (root / "etc/ld.so.conf").write_text(f"{PYTHON}/lib\n", encoding="ascii")
        (root / "etc/hostname").write_text("trial\n", encoding="ascii")
        (root / "etc/hosts").write_text("127.0.0.1 localhost trial\n", encoding="ascii")
        (root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n", encoding="ascii")
        for name in MASKED:
            (root / "etc/systemd/system" / name).symlink_to("/dev/null")

    @property
    def python(self) -> str:
        """The interpreter of these tests, as the machine sees it."""
        return str(PYTHON / "bin" / Path(sys.executable).resolve().name)

    def boot(self) -> None:
        """Start systemd and wait until its target is reached. Raises Unbootable with what was said."""
        if self._cgroups is not None and os.access(self._cgroups / "cgroup.procs", os.W_OK):
            self._group = self._cgroups / f"atilite-trial-{os.getpid()}"
            self._group.mkdir(exist_ok=True)
        places = (self.root, self._group or "", sys.base_prefix, sysconfig.get_path("purelib"))
        command = ["sh", "-c", BOOT, "sh", *map(str, places)]
        with (self.root / "var/boot.log").open("ab") as log:
            self._outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end and self._outer.poll() is None:
            if self.run("systemctl", "is-active", "--quiet", "multi-user.target").returncode == 0:
                self.run("ldconfig")
                return
            time.sleep(0.1)
        raise Unbootable((self.root / "var/boot.log").read_text(encoding="utf-8", errors="replace").strip())

    def _first(self) -> int | None:
        """The process id of its systemd, seen from here."""
        if self._outer is None or self._outer.poll() is not None:
            return None
        pid = self._outer.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def run(self, *words: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        if self._first() is None:
            return subprocess.CompletedProcess(words, 255, "", "it is not up\n")
        return subprocess.run(
            self.command(*words), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )

    def command(self, *words: str) -> list[str]:
        """The command line, for here, that runs a command in it as root."""
        enter = ["nsenter", "-t", str(self._first()), "-m", "-p", "-u", "-i", "-n", "-C", "-r"]
        clean = ["env", "-i", "-C", "/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return [*enter, *clean, *words]

    def close(self) -> None:
        """End it as a power cut would."""
        first = self._first()
        if first is not None:
            os.kill(first, signal.SIGKILL)
        if self._outer is not None:
            self._outer.kill()
            self._outer.wait(20)
            self._outer = None
        if self._group is not None:
            remove_group(self._group)


def remove_group(group: Path) -> None:
    """Remove a control group and those below it, when the last process in them has gone."""
    end = time.monotonic() + BOOT_SECONDS
    while group.exists():
        try:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)
        except OSError:
            assert time.monotonic() < end, f"{group} is still in use"
            time.sleep(0.05)


class Unbootable(Exception):
    """This machine does not let us boot another one inside."""


def obstacle() -> str:
    """Why no machine can be booted here, as far as can be seen beforehand."""
    if os.geteuid():
        return "only root can boot a machine"
    missing = [program for program in ("unshare", "nsenter", "chroot", "ip", "curl") if shutil.which(program) is None]
    if missing or not SYSTEMD.exists():
        return f"not installed: {' '.join(missing) or 'systemd'}"
    return ""
