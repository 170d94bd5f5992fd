"""The API's description: OpenAPI 3.1 made from the table of operations, and a page that lists them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bottle import html_escape as escape  # the module `html` would bring tables of a quarter of a megabyte

from .endpoints import Answer, Endpoint, Parameter
from .schemas import ERROR, SCHEMAS

ROLE_WORDS = {"view": "Role view.", "run": "Role run.", "admin": "Role admin.", None: "No login."}

# What the door answers before a handler is asked, so it is the same for every operation with a role.
REFUSALS: Mapping[int, Answer] = {
    400: Answer("The request cannot be understood; `fields` names faulty parameters.", ERROR),
    401: Answer("No login and no valid token.", ERROR),
    403: Answer("The role is too small, or a change without proof that it was meant.", ERROR),
}


# How to prove who one is, by name. Those of the app's own users are told only where a route asks for them.
SESSION = "atilite_session"
PROOFS: Mapping[str, Mapping[str, str]] = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION},
}
USERS: Mapping[str, Mapping[str, str]] = {
    scheme: {"type": "http", "scheme": scheme, "description": "Users of the app's own."}
    for scheme in ("basic", "digest", "bearer")
}


def document(endpoints: Iterable[Endpoint], title: str, version: str, prefix: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations, which are mounted at `prefix`."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation(endpoint)
    info = {
        "title": f"{title}: internal API",
        "version": version,
        "description": "Actions, runs, services, schedules and keys of this program.",
    }
    return assembled(info, prefix, paths, SCHEMAS)


def assembled(
    info: Mapping[str, str],
    prefix: str,
    paths: Mapping[str, Any],
    schemas: Mapping[str, Any],
    proofs: Mapping[str, Any] = PROOFS,
) -> dict[str, Any]:
    """A whole document; `prefix` is where its paths begin."""
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": prefix or "/"}],
        "paths": dict(paths),
        "components": {"schemas": dict(schemas), "securitySchemes": dict(proofs)},
    }


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """One operation of the document."""
    found: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "description": ROLE_WORDS[endpoint.role],
        "parameters": [_parameter(parameter) for parameter in _parameters(endpoint)],
        "responses": {str(status): _answer(answer) for status, answer in sorted(_answers(endpoint).items())},
        "security": [{"token": []}, {"session": []}] if endpoint.role else [],
    }
    if endpoint.tag:
        found["tags"] = [endpoint.tag]
    bodies = {**({} if endpoint.body is None else {"application/json": endpoint.body}), **endpoint.forms}
    if bodies:
        content = {kind: {"schema": schema} for kind, schema in bodies.items()}
        found["requestBody"] = {"required": endpoint.body_required, "content": content}
    return found


def _parameters(endpoint: Endpoint) -> list[Parameter]:
    described = {parameter.name: parameter for parameter in endpoint.parameters}
    in_path = re.findall(r"{(\w+)}", endpoint.path)
    implied = [Parameter(name, "", place="path") for name in in_path if name not in described]
    return [*implied, *endpoint.parameters]


def _fields(endpoint: Endpoint) -> dict[str, None]:
    """The names in the bodies that it takes."""
    bodies = (endpoint.body or {}, *endpoint.forms.values())
    return dict.fromkeys(name for body in bodies for name in body.get("properties", ()))


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {"name": parameter.name, "in": parameter.place, "schema": dict(parameter.schema)}
    if parameter.description:
        found["description"] = parameter.description
    if parameter.place == "path":
        found["required"] = True
    return found


def _answers(endpoint: Endpoint) -> dict[int, Answer]:
    refusals = REFUSALS if endpoint.role else {}
    return {**refusals, **endpoint.answers}


def _answer(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.description}
    if answer.schema is not None:
        found["content"] = {answer.kind: {"schema": dict(answer.schema)}}
    return found


def page(endpoints: Iterable[Endpoint], title: str, prefix: str) -> str:
    """An HTML page that lists the operations; it needs neither scripts nor styles."""
    sections: dict[str, list[str]] = {}
    for endpoint in endpoints:
        sections.setdefault(endpoint.tag or "other", []).append(_listed(endpoint, prefix))
    body = "".join(
        f'<section aria-labelledby="{escape(tag)}"><h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>'
        f"{''.join(items)}</section>\n"
        for tag, items in sections.items()
    )
    jumps = " · ".join(f'<a href="#{escape(tag)}">{escape(tag.capitalize())}</a>' for tag in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Internal API · {escape(title)}</title>\n"
        '<link rel="alternate" type="application/json" href="openapi.json">\n</head>\n<body>\n<main>\n'
        f"<h1>Internal API of {escape(title)}</h1>\n"
        '<p>Send a token with <code>Authorization: Bearer TOKEN</code>, or use a session. '
        'The same as <a href="openapi.json">OpenAPI 3.1</a>.</p>\n'
        f"<p>{jumps}</p>\n{body}</main>\n</body>\n</html>\n"
    )


def _listed(endpoint: Endpoint, prefix: str) -> str:
    rows = "".join(
        f"<dt><code>{escape(parameter.name)}</code></dt><dd>{escape(parameter.description or parameter.place)}</dd>"
        for parameter in _parameters(endpoint)
    ) + "".join(f"<dt><code>{escape(name)}</code></dt><dd>body</dd>" for name in _fields(endpoint))
    answers = "".join(
        f"<dt>{status}</dt><dd>{escape(answer.description)}</dd>"
        for status, answer in sorted(_answers(endpoint).items())
    )
    return (
        f"<details><summary><b>{endpoint.method}</b> <code>{escape(prefix + endpoint.path)}</code> "
        f"{escape(endpoint.summary)}</summary><p>{ROLE_WORDS[endpoint.role]}</p>"
        + (f"<h3>Parameters</h3><dl>{rows}</dl>" if rows else "")
        + (f"<h3>Answers</h3><dl>{answers}</dl>" if answers else "")
        + "</details>\n"
    )
