"""The operations of the admin API as values, and the OpenAPI document that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from exporter import __version__
from exporter.web.messages import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from exporter.actions.guard import Trigger
    from exporter.settings.admin import TokenFile

PREFIX = "/api/v1"
"""Where the admin API is."""

_REFERENCE = "#/components/schemas/{name}"
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "The name of a container, or its id.",
    "schema": {"type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"},
}
_MEANINGS = {
    HTTPStatus.OK: "Done.",
    HTTPStatus.ACCEPTED: "Begun, or answered, as the body says of each alert.",
    HTTPStatus.UNAUTHORIZED: "No valid token.",
    HTTPStatus.FORBIDDEN: "The token, the container, the host or the origin does not allow it.",
    HTTPStatus.NOT_FOUND: "No such container.",
    HTTPStatus.CONFLICT: "Another action is under way, or the container's state forbids this one.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not JSON, as its content type says.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body or the name makes no sense; the detail says where.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too soon, or too often.",
    HTTPStatus.BAD_GATEWAY: "The engine failed, or its answer makes no sense.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The engine cannot be reached, or the exporter is stopping.",
    HTTPStatus.GATEWAY_TIMEOUT: "The engine did not answer in time.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to an operation that has passed the gate.

    Attributes:
        holder: Whose token it came with; None for an operation that needs none.
        name: The container that its path names; empty for an operation without one.
        body: Of the type that the operation takes.
    """

    request_id: str
    address: str | None
    holder: TokenFile | None
    name: str
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that the admin API does.

    Attributes:
        name: What programs made from the document call it.
        path: Below `PREFIX`.
        scope: What the caller's token must allow; None for an operation that needs no token.
        answer: The type of the answer's body.
        handle: Serves it.
        body: The type of the request's body; None for an operation that takes none.
        status: Of the answer.
        asks_engine: Whether it fails when the engine does.
        attempts: For an operation that changes something: what a refused request is put on
            record as.
    """

    name: str
    method: str
    path: str
    summary: str
    scope: str | None
    answer: Any
    handle: Callable[[Call], Awaitable[object]]
    body: Any = None
    status: HTTPStatus = HTTPStatus.OK
    asks_engine: bool = False
    attempts: tuple[Trigger, str] | None = None

    @property
    def names_container(self) -> bool:
        """Whether its path names a container."""
        return "{name}" in self.path

    def problems(self) -> Iterator[HTTPStatus]:
        """Yield the statuses of the problems that it can answer with."""
        yield HTTPStatus.FORBIDDEN
        if self.scope is not None:
            yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
        if self.names_container:
            yield from (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
        if self.body is not None:
            yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            yield from (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY)
        if self.names_container and self.attempts is not None:
            yield HTTPStatus.CONFLICT
        if self.asks_engine:
            yield from (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
            yield HTTPStatus.GATEWAY_TIMEOUT


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of some operations."""
    types = {Problem}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        types |= {one for one in (operation.answer, operation.body) if _is_struct(one)}
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "docker-exporter",
            "version": __version__,
            "description": "Guarded actions on the containers of a Docker engine.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "schemas": {name: _terse(schema) for name, schema in schemas.items()},
            "securitySchemes": {
                scope: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A token with the scope {scope}.",
                }
                for scope in ("read", "act")
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(int(operation.status)): {
            "description": _MEANINGS[operation.status],
            "content": {"application/json": {"schema": _schema(operation.answer)}},
        }
    }
    for status in sorted(set(operation.problems())):
        answers[str(int(status))] = _problem(status)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [] if operation.scope is None else [{operation.scope: []}],
        "responses": answers,
    }
    if operation.names_container:
        described["parameters"] = [_NAME]
    if operation.body is not None:
        described["requestBody"] = {
            "required": _needs_fields(operation.body),
            "content": {"application/json": {"schema": _schema(operation.body)}},
        }
    return described


def _problem(status: HTTPStatus) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": _schema(Problem)}},
    }
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        seconds = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"description": "In seconds.", "schema": seconds}}
    return answer


def _is_struct(one: object) -> bool:
    return isinstance(one, type) and one is not dict


def _needs_fields(body: Any) -> bool:  # noqa: ANN401 -- a type that msgspec knows
    return any(field.required for field in msgspec.structs.fields(body))


def _schema(one: Any) -> dict[str, Any]:  # noqa: ANN401 -- as above
    if _is_struct(one):
        return {"$ref": _REFERENCE.format(name=one.__name__)}
    return {"type": "object"}


def _terse(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the first paragraph of its docstring, which is about the whole."""
    if "description" not in schema:
        return schema
    return schema | {"description": schema["description"].partition("\n\n")[0]}
