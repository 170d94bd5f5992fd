"""Multipart forms as a browser sends them."""

from __future__ import annotations

from typing import Any

from atilite.testing.client import Answer, Client

File = tuple[str, bytes, str]


def multipart(**fields: str | File) -> dict[str, Any]:
    """The body and its header, for a client's request. A file is (name, content, type)."""
    body = b""
    for name, value in fields.items():
        body += f'--edge\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, str):
            body += b"\r\n\r\n" + value.encode() + b"\r\n"
        else:
            body += f'; filename="{value[0]}"\r\nContent-Type: {value[2]}\r\n\r\n'.encode() + value[1] + b"\r\n"
    return {"body": body + b"--edge--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=edge"}}


def send(client: Client, path: str, **fields: str | File) -> Answer:
    """POST a multipart form."""
    return client.post(path, **multipart(**fields))
