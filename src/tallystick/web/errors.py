"""Every answer that is no success: a status, a stable code and a sentence, always as JSON."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from tallystick.protocol.errors import TallystickError

STATUS_OF: Final[dict[str, int]] = {
    "malformed_json": 400,
    "bad_field": 422,
    "bad_signature": 422,
    "bad_parameter": 422,
    "units_out_of_range": 422,
    "outside_period": 422,
    "over_budget": 422,
    "downtime_above_elapsed": 422,
    "unknown_policy": 422,
    "bad_binding": 422,
    "unauthorised": 401,
    "not_a_verifier": 403,
    "unknown_issuer": 403,
    "unknown_agreement": 404,
    "unknown_credential": 404,
    "unknown_leaf": 404,
    "verifier_version_too_low": 422,
    "confidence_too_low": 422,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "agreement_closed": 409,
    "conflicting_receipt": 409,
    "expired": 409,
    "units_regress": 409,
    "stale_nonce": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "backlog_full": 429,
    "internal_error": 500,
    "storage_unavailable": 503,
}
"""HTTP status by code. A code that is not here is a 400."""

_NAMES: Final = {404: "not_found", 405: "method_not_allowed"}


class ApiError(TallystickError):
    """Ends a request with the status that belongs to its code."""

    def __init__(self, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.headers = headers


def error_response(code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """`{"status": "rejected", "code": …, "message": …}` with the status of `code`."""
    body = {"status": "rejected", "code": code, "message": message}
    return JSONResponse(body, STATUS_OF.get(code, 400), headers)


def install(app: FastAPI) -> None:
    """Makes every error of the application answer in this form."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    app.add_exception_handler(SQLAlchemyError, _storage)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, ApiError)
    return error_response(problem.code, problem.message, problem.headers)


async def _http_error(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, HTTPException)
    code = _NAMES.get(problem.status_code, "bad_request")
    sentence = {
        "not_found": f"There is nothing at {request.url.path}; /openapi.json lists what there is.",
        "method_not_allowed": f"{request.method} is not possible at {request.url.path}.",
    }.get(code, str(problem.detail))
    response = error_response(code, sentence, dict(problem.headers or {}))
    response.status_code = problem.status_code
    return response


async def _bad_parameter(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return error_response("bad_parameter", f"{where}: {first['msg']}.")


async def _storage(_request: Request, _problem: Exception) -> JSONResponse:
    return error_response(
        "storage_unavailable",
        "The store cannot be used right now. Send the same again: what was taken already counts once.",
        {"Retry-After": "5"},
    )


async def _unexpected(_request: Request, _problem: Exception) -> JSONResponse:
    return error_response(
        "internal_error", "Something broke here; the log says what. It is safe to try again."
    )
