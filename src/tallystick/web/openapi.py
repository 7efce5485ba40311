"""What OpenAPI says about the ingest endpoints, which read and answer raw bytes."""

from __future__ import annotations

import json
from typing import Any

from tallystick.web import schemas


def ingest_body(name: str, fields: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """The request body of an ingest endpoint: one object or NDJSON."""
    schema = {"title": name, "type": "object", "properties": fields, "required": list(fields)}
    line = json.dumps(example)
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example},
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "one such object a line"},
                    "example": f"{line}\n{line}\n",
                },
            },
        }
    }


def ingest_responses() -> dict[int | str, dict[str, Any]]:
    """The responses of the ingest endpoints, with examples."""
    both = {
        "anyOf": [{"$ref": "#/components/schemas/ItemAnswer"}, {"$ref": "#/components/schemas/LinesAnswer"}]
    }
    item = {"status": "accepted", "id": "0x" + "5c" * 32}
    refused = {
        "line": 2,
        "status": "rejected",
        "code": "units_regress",
        "message": "units must rise; the newest accepted receipt has 1203441.",
    }
    lines = {"accepted": 1, "duplicate": 0, "rejected": 1, "results": [{"line": 1, **item}, refused]}
    examples = {"one object": {"value": item}, "NDJSON": {"value": lines}}
    done: dict[str, Any] = {
        "model": schemas.ItemAnswer | schemas.LinesAnswer,
        "description": "Taken in, or known already; to NDJSON also when lines were rejected",
        "content": {"application/json": {"schema": both, "examples": examples}},
    }
    problems = {
        400: "malformed_json",
        401: "unauthorised",
        403: "not_a_verifier",
        404: "unknown_agreement",
        408: "body_timeout",
        409: "agreement_closed, expired, units_regress, conflicting_receipt",
        413: "body_too_large",
        422: "bad_field, bad_signature, units_out_of_range, over_budget, outside_period, unknown_policy, "
        "downtime_above_elapsed",
        429: "backlog_full; Retry-After says when",
        503: "storage_unavailable",
    }
    answers: dict[int | str, dict[str, Any]] = {200: done}
    for code, codes in problems.items():
        answers[code] = {"model": schemas.ErrorAnswer, "description": codes}
    return answers
