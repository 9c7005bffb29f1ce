"""The OpenAPI document: made from the specs of the versions in use, with a row of each as example.

The examples are nobody's rows: each value lies in the middle of what the spec allows.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic_core import to_json

from finrisk.keys import code_version
from finrisk.serving.desk import Desk
from finrisk.serving.problems import MEDIA_TYPE
from finrisk.serving.seated import Seated, day_of

REFUSALS = {
    "400": "no JSON",
    "401": "no API key that holds here",
    "403": "the key may not ask this model",
    "408": "the body did not come in time",
    "413": "the body is larger than 1 MiB",
    "415": "no plain JSON",
    "422": "not as the schema says, or the model gives a row no score",
    "429": "more requests than the key may make",
    "503": "no version is in use yet, or decisions cannot be logged",
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}


class KeptDocument:
    """The document as bytes, made anew when another version sits down or a day begins.

    Whoever asks needs no key, and to make it takes the event loop's time.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._of: Answering = {}
        self._body = b""

    def body(self) -> bytes:
        """Return the document of what is served now."""
        answering = _answering(self._desk)
        if not self._body or not _are_the_same(answering, self._of):
            self._body, self._of = to_json(_document(answering, self._desk.default)), answering
        return self._body


Answering = dict[str, tuple[Seated, date]]
"""Who answers for each model, and the day that it is there."""


def _answering(desk: Desk) -> Answering:
    now = desk.now()
    seated = {model: seat.current for model, seat in desk.seats.items()}
    return {model: (of, day_of(of.spec, now)) for model, of in seated.items() if of is not None}


def _are_the_same(one: Answering, other: Answering) -> bool:
    return one.keys() == other.keys() and all(
        seated is other[model][0] and day == other[model][1] for model, (seated, day) in one.items()
    )


def _document(answering: Answering, default: str | None) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    if default in answering:
        paths["/predict"] = {"post": _predict(*answering[default], schemas)}
    for model, (seated, today) in answering.items():
        paths[f"/v1/models/{model}/score"] = {"post": _score(model, seated, today, schemas)}
    for path, says in (
        ("/healthz", "the process answers"),
        ("/readyz", "requests can be answered; else 503, and what is wrong"),
        ("/metrics", "counters for Prometheus"),
    ):
        responses: dict[str, Any] = {"200": {"description": says}}
        if path == "/readyz":
            responses["503"] = {"description": "not yet"}
        paths[path] = {"get": {"summary": says, "security": [], "responses": responses}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "FinRisk scoring", "version": code_version()},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _predict(seated: Seated, today: date, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "type": "object",
        "required": ["prediction"],
        "properties": {"prediction": {"type": "array", "items": {"type": "integer"}}},
    }
    return {
        "summary": f"{seated.spec.title}: 1 at or above the cut-off, else 0; one answer a row",
        "requestBody": _body(
            f"Predict_{seated.by.model}",
            seated.schema.predict.json_schema(ref_template=_refs(f"Predict_{seated.by.model}")),
            {"features": seated.schema.example(today)},
            schemas,
        ),
        "responses": _responses(answer, {"prediction": [0]}),
    }


def _score(model: str, seated: Seated, today: date, schemas: dict[str, Any]) -> dict[str, Any]:
    row = {
        "type": "object",
        "required": ["id", "score", "probability", "decision"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "score": {"type": "number", "description": "higher = riskier"},
            "probability": {"type": ["number", "null"]},
            "decision": {"enum": [*seated.words, None]},
            "version": {
                "type": "integer",
                "description": "which decided this row; said while an experiment runs",
            },
            "reasons": {"type": ["array", "null"], "maxItems": 4, "items": _reason()},
        },
    }
    answer = {
        "type": "object",
        "required": ["model", "version", "epoch", "cutoff", "rows"],
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "integer"},
            "epoch": {"type": ["integer", "null"]},
            "cutoff": {"type": ["number", "null"]},
            "rows": {"type": "array", "items": row},
        },
    }
    asked = {"rows": [{"id": "A-1", "features": seated.schema.example(today)}], "explain": False}
    name = f"Score_{model}"
    return {
        "summary": f"{seated.spec.title}: score, decision and reasons of 1 to 1000 rows",
        "requestBody": _body(
            name, seated.schema.score.json_schema(ref_template=_refs(name)), asked, schemas
        ),
        "responses": _responses(answer, None),
    }


def _reason() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "reason", "contribution"],
        "properties": {
            "code": {"type": "string"},
            "reason": {"type": "string"},
            "contribution": {"type": "number"},
        },
    }


def _refs(name: str) -> str:
    return f"#/components/schemas/{name}.{{model}}"


def _body(
    name: str, schema: dict[str, Any], example: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    for part, said in schema.pop("$defs", {}).items():
        schemas[f"{name}.{part}"] = said
    schemas[name] = schema
    content = {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": example}
    return {"required": True, "content": {"application/json": content}}


def _responses(answer: dict[str, Any], example: dict[str, Any] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"schema": answer}
    if example is not None:
        told["example"] = example
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {
        name: {"schema": {"type": "string"}}
        for name in ("X-FinRisk-Model-Version", "X-FinRisk-Epoch", "X-FinRisk-Artifact-SHA256")
    }
    good = {
        "description": "answered",
        "headers": headers,
        "content": {"application/json": told},
    }
    refused = {
        status: {"description": says, "content": problem} for status, says in REFUSALS.items()
    }
    return {"200": good, **refused}
