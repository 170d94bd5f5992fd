"""An OpenAPI 3.1 document with what tests have seen: the one of the program, or what can be told without it. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .examples import Example, Shown, Told

Document = dict[str, Any]


def merged(documents: Iterable[Mapping[str, Any]], title: str, version: str) -> Document:
    """One document of several programs; what comes first wins. The title is for the case that there are none."""
    last: Document = {"openapi": "3.1.0", "info": {"title": title, "version": version}, "paths": {}}
    first, *rest = [*documents, last]
    made: Document = copy.deepcopy(dict(first))
    for document in rest:
        for path, operations in document.get("paths", {}).items():
            made["paths"].setdefault(path, {}).update(
                {verb: one for verb, one in operations.items() if verb not in made["paths"].get(path, {})}
            )
        for kind, named in document.get("components", {}).items():
            place = made.setdefault("components", {}).setdefault(kind, {})
            place.update({name: one for name, one in named.items() if name not in place})
    return made


def with_examples(document: Document, routes: Iterable[Shown]) -> Document:
    """The same document with the examples, and with the operations that it did not know."""
    made = copy.deepcopy(document)
    for shown in routes:
        operations = made["paths"].setdefault(str(shown.route["template"]), {})
        for example in shown.examples:
            operation = operations.setdefault(example.method.lower(), operation_of(shown.route))
            _add(operation, example)
    return made


def operation_of(route: Told) -> dict[str, Any]:
    """What can be said of an operation without the program's own document."""
    names = re.findall(r"{([^}]*)}", str(route["template"]))
    found: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ],
        "responses": {},
    }
    doc = str(route.get("doc") or "")
    if doc:
        found |= {"summary": doc.partition("\n")[0], "description": doc}
    return found


def _add(operation: dict[str, Any], example: Example) -> None:
    status = str(example.status_code)
    response = operation["responses"].setdefault(status, {"description": example.status[4:] or status})
    got, sent = example.got, example.sent
    if "$ref" not in response and got is not None:
        shown = got.value if got.value is not None else got.text
        response.setdefault("content", {}).setdefault(got.kind, {}).setdefault("example", shown)
    if sent is not None and sent.value is not None and example.status_code < 400:
        content = operation.setdefault("requestBody", {"content": {}}).get("content", {})
        content.setdefault(sent.kind, {}).setdefault("example", sent.value)


def routes_of(document: Mapping[str, Any]) -> Iterator[Told]:
    """The routes that a document tells of, as far as it does, in the form of `__spec__`."""
    for template, operations in document.get("paths", {}).items():
        for verb, operation in operations.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            security = operation.get("security", document.get("security", []))
            yield {
                "path": template,
                "template": template,
                "methods": [verb.upper()],
                "name": operation.get("operationId"),
                "doc": operation.get("summary", ""),
                "parameters": [*map(_parameter, operation.get("parameters", ())), *_in_body(operation)],
                "access": {"words": " or ".join(" and ".join(one) for one in security) or "everybody"},
            }


def _parameter(told: Mapping[str, Any]) -> dict[str, Any]:
    schema = told.get("schema", {})
    return {
        "name": told.get("name", ""),
        "place": told.get("in", ""),
        "kind": schema.get("type", ""),
        "required": bool(told.get("required")),
        "default": schema.get("default"),
        "schema": schema,
        "rules": [told["description"]] if told.get("description") else [],
    }


def _in_body(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = media.get("schema", {})
        for name, inner in schema.get("properties", {}).items():
            yield {
                **_parameter({"name": name, "in": "body", "schema": inner}),
                "required": name in schema.get("required", ()),
            }
        return
