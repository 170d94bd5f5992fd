"""The systemd unit: a value that becomes the text of the file. Nothing here touches the machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..errors import ConfigError
from ..quickly import dataclass

WATCHDOG = 30  # seconds without a turn of the loop after which systemd kills and restarts
STOP = 10  # seconds on top of the setting stop_timeout before systemd kills

# What a board offers, by the name of its group on Debian and the kernel's name of the device class.
DEVICES = {
    "gpio": ("gpio", ("char-gpiochip", "char-gpiomem")),
    "i2c": ("i2c", ("char-i2c",)),
    "spi": ("spi", ("char-spi",)),
    "serial": ("dialout", ("char-ttyS", "char-ttyAMA", "char-ttyUSB", "char-ttyACM")),
    "video": ("video", ("char-video4linux",)),
    "audio": ("audio", ("char-alsa",)),
    "input": ("input", ("char-input",)),
}

# ProcSubset=pid is left out on purpose: it hides /proc/meminfo and /proc/loadavg, which the console shows.
HARDENING = """\
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
PrivateMounts=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What the file is made from. `command` is the whole command line, its first word an absolute path.

    Without `user` systemd invents one that exists only while the service runs (DynamicUser); its files are in
    /var/lib/<name>, which outlives it. `devices` are names of DEVICES or paths below /dev. `credentials` are names and
    files that root reads and the service finds in /run/credentials.
    """

    name: str
    command: Sequence[str]
    user: str = ""
    devices: Sequence[str] = ()
    home_readable: bool = False
    low_port: bool = False
    python_path: str = ""
    stop_timeout: float = 4.0
    credentials: Sequence[tuple[str, str]] = ()

    def text(self) -> str:
        """The unit file."""
        return "\n".join(
            [
                "# Written by `install`; `update` writes it again.",
                "[Unit]",
                f"Description={self.name} (atilite)",
                "Wants=network-online.target",
                "After=network-online.target",
                "StartLimitIntervalSec=0",
                "",
                "[Service]",
                *self._start(),
                *self._account(),
                *HARDENING.splitlines(),
                f"ProtectHome={'read-only' if self.home_readable else 'yes'}",
                *self._capabilities(),
                *self._device_access(),
                "LimitNOFILE=65536",
                "TasksMax=512",
                "",
                "[Install]",
                "WantedBy=multi-user.target",
                "",
            ]
        )

    def _start(self) -> list[str]:
        path = [f"Environment={quote('PYTHONPATH=' + self.python_path)}"] if self.python_path else []
        return [
            "Type=notify",
            "NotifyAccess=main",
            "ExecStart=" + " ".join(quote(word) for word in self.command),
            *path,
            f"WorkingDirectory=%S/{self.name}",
            "Restart=on-failure",
            "RestartSec=2",
            "RestartPreventExitStatus=2",  # a setting is wrong: it will not mend itself
            "RestartForceExitStatus=129",  # after SIGHUP: the code may be new
            "SuccessExitStatus=129",
            f"WatchdogSec={WATCHDOG}",
            "TimeoutStartSec=90",
            f"TimeoutStopSec={self.stop_timeout + STOP:g}",
            "KillMode=mixed",
        ]

    def _account(self) -> list[str]:
        owner = [f"User={self.user}"] if self.user else ["DynamicUser=yes"]
        # The path is all that follows, spaces too; only % means something in it.
        handed = [f"LoadCredential={name}:{path.replace('%', '%%')}" for name, path in self.credentials]
        folders = [f"StateDirectory={self.name}", "StateDirectoryMode=0700", f"RuntimeDirectory={self.name}"]
        return [*owner, *folders, *handed]

    def _capabilities(self) -> list[str]:
        if self.low_port:
            return ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]
        return ["CapabilityBoundingSet=", "AmbientCapabilities="]

    def _device_access(self) -> list[str]:
        if not self.devices:
            return ["PrivateDevices=yes", "DevicePolicy=closed"]
        lines = ["DevicePolicy=closed"]
        for device in self.devices:
            group, nodes = device_nodes(device)
            lines += [f"DeviceAllow={node} rw" for node in nodes]
            lines += [f"SupplementaryGroups={group}"] if group else []
        return lines


def device_nodes(device: str) -> tuple[str, tuple[str, ...]]:
    """The group and the nodes of a device's name; a path below /dev stands for itself. Raises ConfigError."""
    if device in DEVICES:
        return DEVICES[device]
    if PurePosixPath(device).is_relative_to("/dev") and ".." not in device and re.fullmatch(r"[\w./-]+", device):
        return "", (device,)
    raise ConfigError(f"there is no device {device!r} (known: {', '.join(DEVICES)}, or a path such as /dev/ttyUSB0)")


def quote(word: str) -> str:
    """One word as systemd reads it back: specifiers, variables, quotes and backslashes are plain text."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return word if re.fullmatch(r"[\w@:,./=+-]+", word) else f'"{escaped}"'
