"""A certificate authority of our own, by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.require import require


class Authority:
    """Makes certificates in a folder; `file` is what has to be trusted."""

    def __init__(self, folder: Path) -> None:
        require(shutil.which("openssl"), "the openssl command")
        self._folder = folder
        self.file = str(folder / "ca.pem")
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def certificate(self, name: str) -> tuple[str, str]:
        """(certificate, key) for a name such as "DNS:localhost" or "IP:127.0.0.1"."""
        stem = name.replace(":", "-")
        (self._folder / f"{stem}.ext").write_text(f"subjectAltName={name}\n")
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=peer",
            "-keyout", f"{stem}.key", "-out", f"{stem}.csr",
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{stem}.ext", "-out", f"{stem}.pem",
        )  # fmt: skip
        return str(self._folder / f"{stem}.pem"), str(self._folder / f"{stem}.key")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True, timeout=60)
