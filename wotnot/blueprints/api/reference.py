"""The OpenAPI document as a person reads it: calls, fields and examples. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 4
_PLACEHOLDERS: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "string": "…", "object": {}, "array": []}
_FORMATS = {"date-time": "2026-11-26T09:00:00+00:00", "date": "2026-11-26", "email": "dana@casaverde.example"}


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table of fields; `depth` indents what belongs to the field above."""

    name: str
    kind: str
    is_required: bool
    text: str
    depth: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call may answer with."""

    status: str
    text: str
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    role: str
    scope: str
    is_open: bool
    parameters: list[Field]
    content_type: str
    fields: list[Field]
    example: str
    answers: list[Answer]
    curl: str


@dataclass(frozen=True, slots=True)
class Section:
    """The calls of one resource; its `name` is in the address of its page."""

    name: str
    title: str
    text: str
    calls: list[Call]


def sections(document: dict[str, Any], base_url: str) -> list[Section]:
    """The document's calls by resource, in the order of its tags."""
    reader = _Reader(document, base_url)
    by_tag: dict[str, list[Call]] = {tag["name"]: [] for tag in document.get("tags", [])}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                shared = operations.get("parameters", [])
                by_tag.setdefault(operation["tags"][0], []).append(reader.call(path, method, operation, shared))
    texts = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    return [
        Section(name.removesuffix("-api"), _title(name), texts.get(name, ""), calls)
        for name, calls in by_tag.items()
        if calls
    ]


def _title(tag: str) -> str:
    words = tag.removesuffix("-api").replace("-", " ").replace("_", " ")
    return {"api keys": "API keys", "me": "Who am I", "auth": "Accounts and tokens"}.get(words, words.capitalize())


class _Reader:
    """Follows the document's references."""

    def __init__(self, document: dict[str, Any], base_url: str) -> None:
        self._document = document
        self._base_url = base_url

    def call(self, path: str, method: str, operation: dict[str, Any], shared: list[Any]) -> Call:
        content_type, schema = self._body(operation)
        example = self._example(schema) if schema else None
        shown = json.dumps(example, indent=2, ensure_ascii=False) if schema else ""
        is_open = operation.get("security") == []
        return Call(
            anchor=f"{method}-{path.removeprefix('/api/v1/').replace('/', '-').translate({123: None, 125: None})}",
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            text=operation.get("description", ""),
            role=operation.get("x-role", ""),
            scope=operation.get("x-scope", ""),
            is_open=is_open,
            parameters=[self._parameter(one) for one in [*shared, *operation.get("parameters", [])]],
            content_type=content_type,
            fields=list(self._fields(schema)) if schema else [],
            example=shown,
            answers=[self._answer(status, one) for status, one in sorted(operation["responses"].items())],
            curl=self._curl(method, path, content_type, example, is_open=is_open),
        )

    def _body(self, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        for content_type, body in operation.get("requestBody", {}).get("content", {}).items():
            return content_type, body.get("schema", {})
        return "", {}

    def _parameter(self, parameter: dict[str, Any]) -> Field:
        parameter = self._resolve(parameter)
        schema = self._resolve(parameter.get("schema", {}))
        text = parameter.get("description", "")
        if parameter["in"] == "path" and not text:
            text = "In the address."
        kind = f"{_kind(schema)}, in the {parameter['in']}"
        return Field(parameter["name"], kind, bool(parameter.get("required")), text + _limits(schema), 0)

    def _answer(self, status: str, answer: dict[str, Any]) -> Answer:
        answer = self._resolve(answer)
        for body in answer.get("content", {}).values():
            schema = body.get("schema", {})
            shown = json.dumps(self._example(schema), indent=2, ensure_ascii=False)
            return Answer(status, answer.get("description", ""), list(self._fields(schema)), shown)
        return Answer(status, answer.get("description", ""), [], "")

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        if len(node.get("allOf", ())) == 1:
            return {**self._resolve(node["allOf"][0]), **{k: v for k, v in node.items() if k != "allOf"}}
        return node

    def _fields(self, schema: dict[str, Any], depth: int = 0) -> Iterator[Field]:
        schema = self._resolve(schema)
        if schema.get("type") == "array":
            schema = self._resolve(schema.get("items", {}))
        required = schema.get("required", ())
        for name, unresolved in schema.get("properties", {}).items():
            member = self._resolve(unresolved)
            yield Field(name, _kind(member), name in required, member.get("description", "") + _limits(member), depth)
            if depth < _DEEPEST - 1:
                yield from self._fields(member, depth + 1)

    def _example(self, schema: dict[str, Any], depth: int = 0) -> Any:
        schema = self._resolve(schema)
        for key in ("example", "const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = _type(schema)
        if kind == "array":
            return [self._example(schema.get("items", {}), depth + 1)] if depth < _DEEPEST else []
        if schema.get("properties") and depth < _DEEPEST:
            return {name: self._example(member, depth + 1) for name, member in schema["properties"].items()}
        return _FORMATS.get(schema.get("format", ""), _PLACEHOLDERS.get(kind, "…"))

    def _curl(self, method: str, path: str, content_type: str, example: Any, *, is_open: bool) -> str:
        lines = [
            f"curl -X {method.upper()} {self._base_url}{path}" if method != "get" else f"curl {self._base_url}{path}"
        ]
        if not is_open:
            lines.append('-H "Authorization: Bearer $WOTNOT_KEY"')
        if content_type == "application/json":
            lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(example, ensure_ascii=False)}'"]
        elif content_type == "multipart/form-data":
            lines.append("-F file=@contacts.csv")
        return " \\\n  ".join(lines)


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "")
    kinds = [kind] if isinstance(kind, str) else [one for one in kind if one != "null"]
    return str(kinds[0]) if kinds and kinds[0] else "object"


def _kind(schema: dict[str, Any]) -> str:
    kind = _type(schema)
    words = {"date-time": "time", "date": "date"}.get(schema.get("format", ""), "list" if kind == "array" else kind)
    return f"{words} or null" if isinstance(schema.get("type"), list) and "null" in schema["type"] else words


def _limits(schema: dict[str, Any]) -> str:
    """What a value is bound to, as a further sentence."""
    parts = []
    values = schema.get("enum") or schema.get("items", {}).get("enum")
    if values:
        parts.append("One of " + ", ".join(f"`{value}`" for value in values if value is not None) + ".")
    if "minimum" in schema and "maximum" in schema:
        parts.append(f"From {schema['minimum']:,} to {schema['maximum']:,}.")
    if "maxLength" in schema:
        parts.append(f"At most {schema['maxLength']:,} characters.")
    return "".join(f" {part}" for part in parts)
