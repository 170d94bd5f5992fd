"""The user's routes as an OpenAPI 3.1 document, made from their descriptions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atilite.description import Access, Route
from atilite.schema import PLACE, Schema
from atilite.web.wanted import Parameter

from .openapi import PROOFS, USERS, assembled
from .schemas import TEXT, ref, shape

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
# What is read from the body; everything else has its parameters in the query.
WRITING = ("POST", "PUT", "PATCH")
JSON, FORM, FILES = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"

ERROR: Schema = dict(
    shape(
        {"code": {"type": "integer"}, "message": TEXT, "more_info": TEXT},
        {"field": TEXT, "fields": {"type": "object", "additionalProperties": TEXT}},
    )
)
REFUSED = "The request cannot be understood; `fields` names faulty parameters."


def document(routes: Iterable[Route], title: str, version: str, prefix: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes, whose paths begin at `prefix`.

    What is no route with a handler (a folder, an app of another framework) is left out. Of two routes for the same
    method and path the first one answers, and is told.
    """
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    proofs: dict[str, Any] = dict(PROOFS)
    for name, route, method in operations(routes):
        if route.access.authenticate:
            proofs[route.access.authenticate] = USERS[route.access.authenticate]
        found = {"operationId": name, **operation(route, method)}
        paths.setdefault(route.template, {})[method.lower()] = _with_names(found, _entered(route.named, schemas))
    info = {"title": title, "version": version, "description": f"The routes of {title}."}
    return assembled(info, prefix, paths, {"Error": ERROR, **schemas}, proofs)


def operations(routes: Iterable[Route]) -> Iterator[tuple[str, Route, str]]:
    """Each method of each route that has a handler, under a name of its own."""
    names: set[str] = set()
    places: set[tuple[str, str]] = set()
    for route in routes:
        for method in route.methods:
            if method in METHODS and route.name is not None and (route.template, method) not in places:
                places.add((route.template, method))
                yield _unique(route, method, names), route, method


def _entered(named: Mapping[str, Schema], schemas: dict[str, Any]) -> dict[str, str]:
    """Enter the schemas of a route; return the new names of those whose name another schema has already."""
    renamed: dict[str, str] = {}
    for name, schema in named.items():
        free = name
        while free == "Error" or schemas.get(free, exact(schema)) != exact(schema):
            free += "_"
        if free != name:
            renamed[PLACE + name] = PLACE + free
    for name, schema in named.items():
        schemas[renamed.get(PLACE + name, name).removeprefix(PLACE)] = _with_names(exact(schema), renamed)
    return renamed


def _with_names(value: Any, renamed: Mapping[str, str]) -> Any:
    if not renamed:
        return value
    if isinstance(value, list):
        return [_with_names(item, renamed) for item in value]
    if not isinstance(value, dict):
        return value
    new = {key: _with_names(item, renamed) for key, item in value.items()}
    return {**new, "$ref": renamed.get(value["$ref"], value["$ref"])} if "$ref" in value else new


def _unique(route: Route, method: str, names: set[str]) -> str:
    name = f"{method.lower()}_{route.name}" if len(route.methods) > 1 else str(route.name)
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name}_{number}"
    names.add(found)
    return found


def operation(route: Route, method: str) -> dict[str, Any]:
    """One operation of the document, without its name."""
    writes = method in WRITING
    in_body = [one for one in route.parameters if writes and one.place in ("any", "body")]
    others = [one for one in route.parameters if one not in in_body and (one.place != "body" or writes)]
    found: dict[str, Any] = {
        "tags": [route.point or "/"],
        "summary": route.summary or f"{method} {route.template}",
        "description": "\n\n".join(_told(route)),
        "parameters": [_parameter(one) for one in others],
        "responses": dict(sorted(_responses(route, method))),
        "security": _security(route.access),
    }
    if in_body or (writes and (route.content_types or route.more)):
        found["requestBody"] = _body(route, in_body)
    return found


def _told(route: Route) -> Iterator[str]:
    rest = route.doc.partition("\n")[2].strip()
    if rest:
        yield rest
    yield f"Who may call: {route.access.words}."
    for rule in route.rules:
        yield f"Give {rule}."


def _parameter(parameter: Parameter) -> dict[str, Any]:
    in_path = parameter.place == "path"
    found: dict[str, Any] = {"name": parameter.name, "in": "path" if in_path else "query"}
    if parameter.required:
        found["required"] = True
    told = "; ".join(parameter.rules)
    if told:
        found["description"] = told
    schema = _with_default(parameter, _sent(parameter.schema))
    if _is_structure(schema):
        found["content"] = {JSON: {"schema": schema}}
    else:
        found["schema"] = schema
    return found


def _sent(schema: Schema) -> Schema:
    """The schema of what stands in a path or a query: a text if nothing else is known, and never null."""
    members = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if members:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**members[0], **rest} if len(members) == 1 else {**rest, "anyOf": members}
    return schema if schema.keys() & {"type", "enum", "$ref", "allOf"} else {**schema, "type": "string"}


def exact(schema: Any) -> Any:
    """The schema as the checks really are: no text may contain NUL."""
    if isinstance(schema, list):
        return [exact(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: value if key in _VALUES else exact(value) for key, value in schema.items()}
    plain_text = schema.get("type") == "string" and not schema.keys() & {"pattern", "format", "contentMediaType"}
    return {**found, "pattern": "^[^\\u0000]*$"} if plain_text else found


# The keywords whose values are no schemas.
_VALUES = ("enum", "const", "default", "examples", "required")


def _is_structure(schema: Schema) -> bool:
    return "$ref" in schema or "allOf" in schema or schema.get("type") == "object"


def _with_default(parameter: Parameter, schema: Schema) -> Schema:
    schema, default = exact(schema), parameter.default
    if parameter.required or default is None or "$ref" in schema or "allOf" in schema:
        return schema
    if schema.get("type") == "string" and not isinstance(default, str):
        default = str(default)
    return {**schema, "default": default}


def _body(route: Route, parameters: list[Parameter]) -> dict[str, Any]:
    """Everything that may be sent in the body, in each of the forms in which it may be."""
    schema: Schema = {
        "type": "object",
        "properties": {one.name: _property(one) for one in parameters},
        "required": [one.name for one in parameters if one.required],
    }
    if route.strict and not route.more:
        schema["additionalProperties"] = False
    files = any("contentMediaType" in str(one.schema) for one in parameters)
    kinds = route.content_types or ((FILES,) if files else (JSON, FORM))
    content = {kind: {"schema": schema if kind in (JSON, FORM, FILES) else {}} for kind in kinds}
    return {"required": any(one.required for one in parameters), "content": content}


def _property(parameter: Parameter) -> Schema:
    schema = _with_default(parameter, parameter.schema)
    told = "; ".join(parameter.rules)
    return {**schema, "description": told} if told else schema


def _responses(route: Route, method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for answer in route.answers:
        found: dict[str, Any] = {"description": answer.text}
        if answer.schema is not None:
            found["content"] = {answer.media: {"schema": answer.schema}}
        yield str(answer.status), found
    told = {answer.status for answer in route.answers}
    for status, text in refusals(route, method):
        if status not in told:
            yield str(status), _error(text)
    yield "4XX", _error("Another refusal.")
    yield "5XX", _error("The handler failed.")
    yield "default", {"description": "Whatever else the handler answers."}


def refusals(route: Route, method: str) -> Iterator[tuple[int, str]]:
    """What the platform answers in place of the handler: status and meaning."""
    access = route.access
    if route.parameters or route.rules or access.csrf or method in WRITING:
        yield 400, REFUSED
    if access.role or access.authenticate:
        yield 401, "No login and no valid token." if access.role else "No valid proof of who calls."
    if access.role or access.permissions or access.by_method or access.by_parameter:
        yield 403, "Not allowed to whoever calls."
    if route.content_types and method in WRITING:
        yield 415, f"The body is not {' or '.join(route.content_types)}."


def _error(text: str) -> dict[str, Any]:
    # The same facts as a page for a client that asks for HTML.
    return {"description": text, "content": {JSON: {"schema": ref("Error")}, "text/html": {"schema": TEXT}}}


def _security(access: Access) -> list[dict[str, list[str]]]:
    own: dict[str, list[str]] = {access.authenticate: []} if access.authenticate else {}
    if access.role is None:
        return [own] if own else []
    return [{"token": [], **own}, {"session": [], **own}]
