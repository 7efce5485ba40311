"""What OpenAPI says about the ingest endpoints, which read and answer raw bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tallystick.web import schemas


def ingest_body(name: str, fields: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """The request body of an ingest endpoint: one object or NDJSON."""
    return _body(_schema(name, fields), example, example)


def credentials_body() -> dict[str, Any]:
    """As `ingest_body`, of the endpoint that takes credentials and revocations."""
    schemas_ = [
        _schema("Credential", schemas.CREDENTIAL_FIELDS),
        _schema("Revocation", schemas.REVOCATION_FIELDS),
    ]
    return _body({"oneOf": schemas_}, schemas.CREDENTIAL_EXAMPLE, schemas.REVOCATION_EXAMPLE)


def _schema(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"title": name, "type": "object", "properties": fields, "required": list(fields)}


def _body(schema: dict[str, Any], example: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example},
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "one such object a line"},
                    "example": f"{json.dumps(example)}\n{json.dumps(second)}\n",
                },
            },
        }
    }


_RECEIPT_PROBLEMS: Final = {
    403: "not_a_verifier",
    404: "unknown_agreement",
    409: "agreement_closed, expired, units_regress, conflicting_receipt",
    422: "bad_field, bad_signature, units_out_of_range, over_budget, outside_period, unknown_policy, "
    "downtime_above_elapsed",
}
_CREDENTIAL_PROBLEMS: Final = {
    403: "unknown_issuer",
    409: "expired, stale_nonce",
    422: "bad_field, bad_binding, bad_signature",
}


def ingest_responses() -> dict[int | str, dict[str, Any]]:
    """The responses of the endpoints that take receipts and verdicts, with examples."""
    message = "units must rise; the newest accepted receipt has 1203441."
    return _responses("units_regress", message, _RECEIPT_PROBLEMS)


def credentials_responses() -> dict[int | str, dict[str, Any]]:
    """As `ingest_responses`, of the endpoint that takes credentials and revocations."""
    return _responses("stale_nonce", "nonce must rise; the newest of this record is 7.", _CREDENTIAL_PROBLEMS)


def _responses(code: str, message: str, problems: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    both = {
        "anyOf": [{"$ref": "#/components/schemas/ItemAnswer"}, {"$ref": "#/components/schemas/LinesAnswer"}]
    }
    item = {"status": "accepted", "id": "0x" + "5c" * 32}
    refused = {"line": 2, "status": "rejected", "code": code, "message": message}
    lines = {"accepted": 1, "duplicate": 0, "rejected": 1, "results": [{"line": 1, **item}, refused]}
    examples = {"one object": {"value": item}, "NDJSON": {"value": lines}}
    done: dict[str, Any] = {
        "model": schemas.ItemAnswer | schemas.LinesAnswer,
        "description": "Taken in, or known already; to NDJSON also when lines were rejected",
        "content": {"application/json": {"schema": both, "examples": examples}},
    }
    common = {
        400: "malformed_json",
        401: "unauthorised",
        408: "body_timeout",
        413: "body_too_large",
        429: "backlog_full; Retry-After says when",
        503: "storage_unavailable",
    }
    answers: dict[int | str, dict[str, Any]] = {200: done}
    for status, codes in sorted({**common, **problems}.items()):
        answers[status] = {"model": schemas.ErrorAnswer, "description": codes}
    return answers
