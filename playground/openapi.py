"""Checks requests against Discord's published OpenAPI description."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_ROOT = "urn:discord"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something in a request that the description does not allow."""

    method: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.problem}"


class OpenApi:
    """The description, loaded once; `check` checks one request."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        resource = DRAFT202012.create_resource(document)
        registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._registry = registry
        self._paths = sorted(
            ((_pattern(template), template) for template in document["paths"]),
            key=lambda pair: pair[1].count("{"),
        )
        self._validators: dict[str, Draft202012Validator] = {}

    @classmethod
    def load(cls, path: str | Path) -> OpenApi:
        """Read the description from a JSON file."""
        return cls(json.loads(Path(path).read_text(encoding="utf-8")))

    def check(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401 - any JSON
        multipart: bool = False,
    ) -> list[Violation]:
        """What is wrong with a request; path is below /api/v10, body the JSON or payload_json."""

        def violation(problem: str) -> Violation:
            return Violation(method=method, path=path, problem=problem)

        template = next((t for pattern, t in self._paths if pattern.match(path)), None)
        if template is None:
            return [violation("no such path")]
        operation = self._document["paths"][template].get(method.lower())
        if operation is None:
            return [violation("no such method on this path")]
        found = [violation(p) for p in self._query_problems(template, operation, query or {})]
        problem = self._body_problem(template, method.lower(), operation, body, multipart=multipart)
        return found if problem is None else [*found, violation(problem)]

    def _query_problems(
        self, template: str, operation: dict[str, Any], query: Mapping[str, str]
    ) -> list[str]:
        parameters = [
            *self._document["paths"][template].get("parameters", []),
            *operation.get("parameters", []),
        ]
        named = {p["name"]: p for p in map(self._resolved, parameters) if p["in"] == "query"}
        problems = [f"unknown query parameter {name!r}" for name in query if name not in named]
        problems += [
            f"query parameter {name!r} is required"
            for name, parameter in named.items()
            if parameter.get("required") and name not in query
        ]
        for name, text in query.items():
            schema = named.get(name, {}).get("schema")
            if schema is not None and not self._fits(schema, text):
                problems.append(f"query parameter {name!r} cannot be {text!r}")
        return problems

    def _fits(self, schema: dict[str, Any], text: str) -> bool:
        validator = Draft202012Validator(self._anchored(schema), registry=self._registry)
        readings: list[Any] = [text, [text]]
        if re.fullmatch(r"-?\d{1,15}", text):
            readings.append(int(text))
        if text.lower() in {"true", "false", "1", "0"}:
            readings.append(text.lower() in {"true", "1"})
        return any(validator.is_valid(reading) for reading in readings)

    def _body_problem(
        self,
        template: str,
        method: str,
        operation: dict[str, Any],
        body: Any,  # noqa: ANN401 - any JSON
        *,
        multipart: bool,
    ) -> str | None:
        request = operation.get("requestBody")
        if request is None:
            return None if body in (None, {}) else "a body where none is described"
        if body is None and not multipart:
            return "the body is missing" if request.get("required") else None
        content = request["content"]
        kind = "multipart/form-data" if multipart else "application/json"
        if kind not in content:
            return f"a {kind} body where only {', '.join(content)} is described"
        pointer = "/".join(
            quote(part.replace("~", "~0").replace("/", "~1"), safe="~{}@")
            for part in ("paths", template, method, "requestBody", "content", kind, "schema")
        )
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{_ROOT}#/{pointer}"}
            validator = Draft202012Validator(schema, registry=self._registry)
            self._validators[pointer] = validator
        error = best_match(validator.iter_errors(_with_ids_as_text(body)))
        if error is None:
            return None
        where = "/".join(str(part) for part in error.absolute_path) or "the body"
        return f"{where}: {error.message[:300]}"

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        reference = value.get("$ref")
        if reference is None:
            return value
        node: Any = self._document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return dict(node)

    def _anchored(self, schema: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        if isinstance(schema, dict):
            return {
                key: _ROOT + value
                if key == "$ref" and isinstance(value, str) and value.startswith("#")
                else self._anchored(value)
                for key, value in schema.items()
            }
        if isinstance(schema, list):
            return [self._anchored(item) for item in schema]
        return schema


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", template)
    return re.compile(
        "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts) + r"\Z"
    )


def _with_ids_as_text(body: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A copy of the body with ids as text where libraries send numbers, which Discord accepts.

    These are attachments[].id, the people and roles of allowed_mentions, and the recipient_id of
    a direct message's channel.
    """
    if not isinstance(body, dict):
        return body
    copied = copy.deepcopy(body)
    _id_as_text(copied, "recipient_id")
    for holder in (copied, copied.get("data")):
        if not isinstance(holder, dict):
            continue
        attachments = holder.get("attachments")
        for item in attachments if isinstance(attachments, list) else []:
            _id_as_text(item, "id")
        mentions = holder.get("allowed_mentions")
        if not isinstance(mentions, dict):
            continue
        for key in ("users", "roles"):
            ids = mentions.get(key)
            if isinstance(ids, list):
                mentions[key] = [str(i) if isinstance(i, int) else i for i in ids]
    return copied


def _id_as_text(holder: Any, key: str) -> None:  # noqa: ANN401 - any JSON
    if isinstance(holder, dict) and isinstance(holder.get(key), int):
        holder[key] = str(holder[key])
