"""The nginx configuration: a value that becomes the text of the file. Nothing here touches the machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..quickly import dataclass
from ..web.headers import ALWAYS

AUTHS = ("none", "basic", "internal")
# Less than the 30 seconds after which atilite closes an idle connection: nginx must send no request on one that ends.
IDLE = 20
COMPRESSED = "text/css application/javascript text/javascript application/json image/svg+xml"


@dataclass(frozen=True, slots=True)
class Proxy:
    """What the file is made from. `upstream` is `127.0.0.1:5000` or `unix:/run/board.sock`.

    `collected` is the folder with copies of static files under the paths of their URLs, `prefixes` are those URLs.
    `live` are pairs of a URL and a folder whose files change while the program runs. With `auth` nginx asks for a
    password: "basic" everywhere, "internal" for `private` only.
    """

    domain: str
    name: str
    upstream: str
    collected: str = ""
    prefixes: Sequence[str] = ()
    live: Sequence[tuple[str, str]] = ()
    auth: str = "none"
    private: Sequence[str] = ()

    def text(self) -> str:
        """The configuration, for a file that nginx includes in its `http` block."""
        word = re.sub(r"\W", "_", self.name)
        lines = [
            f"# {self.name} behind nginx; written by --nginx-conf, which writes it again after a change.",
            f"map $http_upgrade $connection_of_{word} {{",
            "    default upgrade;",
            '    "" "";',
            "}",
            "",
            f"upstream {word} {{",
            f"    server {self.upstream};",
            "    keepalive 16;",
            f"    keepalive_timeout {IDLE}s;",
            "}",
            "",
            "server {",
            "    listen 80;",
            "    listen [::]:80;",
            f"    server_name {self.domain};",
            f"    # TLS: certbot --nginx -d {self.domain}",
            "",
            "    # The program has a limit of its own for each route.",
            "    client_max_body_size 0;",
            *self._proxying(word),
            *(self._password(1) if self.auth == "basic" else ()),
        ]
        if self.collected:
            lines += ["", f"    root {quote(self.collected)};"]
        for prefix in self.prefixes:
            lines += ["", *self._static(prefix, word)]
        for prefix, folder in self.live:
            lines += ["", *self._live(prefix, folder)]
        if self.auth == "internal":
            for path in self.private:
                lines += ["", *self._private(path, word)]
        if "/" not in self.prefixes:
            lines += ["", "    location / {", f"        proxy_pass http://{word};", "    }"]
        lines += ["", "    location @program {", f"        proxy_pass http://{word};", "    }", "}", ""]
        return "\n".join(lines)

    def _proxying(self, word: str) -> list[str]:
        return [
            "    proxy_http_version 1.1;",
            "    proxy_set_header Host $http_host;",
            "    # Replaced, not appended to: what a client claims of itself does not get through.",
            "    proxy_set_header X-Forwarded-For $remote_addr;",
            "    proxy_set_header X-Forwarded-Host $http_host;",
            "    proxy_set_header X-Forwarded-Proto $scheme;",
            "    proxy_set_header Upgrade $http_upgrade;",
            f"    proxy_set_header Connection $connection_of_{word};",
            *(['    proxy_set_header Authorization "";'] if self.auth == "basic" else []),
            "    # Live pages and event streams are answers that grow: each part goes on at once.",
            "    proxy_buffering off;",
            "    proxy_request_buffering off;",
            "    proxy_read_timeout 1h;",
            "    proxy_send_timeout 5m;",
        ]

    def _password(self, depth: int) -> list[str]:
        pad = "    " * depth
        return [f"{pad}auth_basic {quote(self.name)};", f"{pad}auth_basic_user_file /etc/nginx/{self.name}.htpasswd;"]

    def _private(self, path: str, word: str) -> list[str]:
        # A location with a header of its own inherits none: so all of them stand here again.
        proxying = [f"    {line}" for line in self._proxying(word) if "proxy_set_header" in line]
        return [
            f"    location ^~ {quote(path)} {{",
            *self._password(2),
            *proxying,
            '        proxy_set_header Authorization "";',
            f"        proxy_pass http://{word};",
            "    }",
        ]

    def _static(self, prefix: str, word: str) -> list[str]:
        exact = "" if prefix == "/" else "^~ "
        return [
            f"    location {exact}{quote(prefix)} {{",
            "        try_files $uri @program;",
            *self._file_headers(),
            "    }",
        ]

    def _live(self, prefix: str, folder: str) -> list[str]:
        return [
            f"    location ^~ {quote(prefix)} {{",
            f"        alias {quote(folder.rstrip('/') + '/')};",
            *self._file_headers(),
            "        location ~ /\\. { return 404; }",
            "    }",
        ]

    def _file_headers(self) -> list[str]:
        return [
            "        gzip on;",
            "        gzip_vary on;",
            f"        gzip_types {COMPRESSED};",
            "        add_header Cache-Control no-cache;",
            *(f"        add_header {name} {quote(value)} always;" for name, value in ALWAYS),
        ]


def quote(word: str) -> str:
    """One word as nginx reads it back."""
    if re.fullmatch(r"[\w@:,./=+-]+", word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
