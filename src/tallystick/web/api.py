"""The relayer's HTTP API. `create_app` takes everything that it uses; nothing is global.

Taking in is CPU work: it runs in worker threads, so that `/live` answers meanwhile. With API keys configured,
every path but `/live`, `/ready`, `/openapi.json` and the empty shell of the page needs one, sent as
`Authorization: Bearer KEY`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import tallystick
from tallystick.protocol.messages import ACCEPTED, DUPLICATE, MAX_LINES, REJECTED, Outcome
from tallystick.web import errors, openapi, reads, schemas
from tallystick.web.body import Gate
from tallystick.web.context import WebContext, key_digest
from tallystick.web.errors import STATUS_OF, ApiError
from tallystick.web.headers import SecureHeaders

_HERE: Final = Path(__file__).parent
_NDJSON: Final = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
)
_encode = msgspec.json.Encoder().encode


def create_app(context: WebContext) -> FastAPI:
    """The application over `context`. Use it in one event loop."""
    app = FastAPI(
        title="Tallystick relayer",
        version=tallystick.__version__,
        description="Takes signed receipts, verdicts and credentials in, and tells what became of them. Money is in µ "
        "(1e-6 of the currency), times are in seconds by the chain's clock.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    gate = Gate(context.limits)
    workers = CapacityLimiter(context.limits.workers)
    readers = CapacityLimiter(context.limits.workers)
    allowed = Depends(functools.partial(_authorise, context))
    _add_ingest(app, context, gate, workers, allowed)
    _add_reads(app, context, readers, allowed)
    _add_health(app, context, readers, allowed)
    _add_page(app, context, readers)

    app.add_middleware(SecureHeaders)
    return app


def _authorise(context: WebContext, request: Request) -> str:
    """The holder of the request's API key. Raises ApiError `unauthorised`."""
    if not context.api_keys:
        return "anybody"
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    holder = context.api_keys.get(key_digest(key.strip())) if scheme.lower() == "bearer" else None
    if holder is None:
        raise ApiError(
            "unauthorised",
            "Send an API key of this relayer: 'Authorization: Bearer KEY'.",
            {"WWW-Authenticate": "Bearer"},
        )
    return holder


# -- ingest --------------------------------------------------------------------------------------------------


def _add_ingest(
    app: FastAPI, context: WebContext, gate: Gate, workers: CapacityLimiter, allowed: Any
) -> None:
    ingest = context.ingest

    async def take(
        request: Request, one: Callable[[bytes], Outcome], many: Callable[[bytes], list[Outcome]]
    ) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        async with gate.body(request) as body:
            if kind not in _NDJSON:
                outcome = await anyio.to_thread.run_sync(one, body, limiter=workers)
                return _answer_one(outcome, context.limits.retry_after)
            return await anyio.to_thread.run_sync(_take_lines, many, body, limiter=workers)

    @app.post(
        "/v1/receipts",
        tags=["ingest"],
        summary="Hand in receipts: one JSON object, or NDJSON of thousands",
        responses=openapi.ingest_responses(),
        openapi_extra=openapi.ingest_body("Receipt", schemas.RECEIPT_FIELDS, schemas.RECEIPT_EXAMPLE),
        dependencies=[allowed],
        response_class=Response,
    )
    async def post_receipts(request: Request) -> Response:
        """200 means stored for good. Sending anything again is harmless: it is known by its EIP-712 hash."""
        return await take(request, ingest.receipt, ingest.receipts)

    @app.post(
        "/v1/verdicts",
        tags=["ingest"],
        summary="Hand in verdicts: one JSON object, or NDJSON of thousands",
        responses=openapi.ingest_responses(),
        openapi_extra=openapi.ingest_body("Verdict", schemas.VERDICT_FIELDS, schemas.VERDICT_EXAMPLE),
        dependencies=[allowed],
        response_class=Response,
    )
    async def post_verdicts(request: Request) -> Response:
        """As `/v1/receipts`. A verdict may come before its receipt; it counts once that has come."""
        return await take(request, ingest.verdict, ingest.verdicts)

    @app.post(
        "/v1/credentials",
        tags=["ingest"],
        summary="Hand in credentials and revocations: one JSON object, or NDJSON of thousands",
        responses=openapi.credentials_responses(),
        openapi_extra=openapi.credentials_body(),
        dependencies=[allowed],
        response_class=Response,
    )
    async def post_credentials(request: Request) -> Response:
        """As `/v1/receipts`. What is accepted is posted in batches; `/v1/credentials/{id}` tells what became of it."""
        return await take(request, ingest.credential, ingest.credentials)


def _take_lines(many: Callable[[bytes], list[Outcome]], body: bytes) -> Response:
    if body.count(b"\n") > MAX_LINES:
        raise ApiError("body_too_large", f"A body has at most {MAX_LINES} lines; send several requests.")
    outcomes = many(body)
    counts = dict.fromkeys((ACCEPTED, DUPLICATE, REJECTED), 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return Response(_encode({**counts, "results": outcomes}), media_type="application/json")


def _answer_one(outcome: Outcome, retry_after: int) -> Response:
    fields = {name: value for name, value in msgspec.to_builtins(outcome).items() if name != "line"}
    if outcome.status != REJECTED:
        return JSONResponse(fields)
    headers = {"Retry-After": str(retry_after)} if outcome.code == "backlog_full" else None
    return JSONResponse(fields, STATUS_OF.get(outcome.code, 400), headers)


# -- reading -------------------------------------------------------------------------------------------------


def _add_reads(app: FastAPI, context: WebContext, readers: CapacityLimiter, allowed: Any) -> None:
    denied: dict[int | str, dict[str, Any]] = {
        401: {"model": schemas.ErrorAnswer, "description": "unauthorised"}
    }

    @app.get(
        "/v1/status",
        tags=["read"],
        summary="The service at a glance",
        dependencies=[allowed],
        responses=denied,
    )
    async def get_status() -> schemas.Status:
        return await anyio.to_thread.run_sync(_status, context, limiter=readers)

    @app.get(
        "/v1/agreements/{number}",
        tags=["read"],
        summary="One agreement: terms, newest receipt, what is payable, what is paid",
        dependencies=[allowed],
        responses=denied | {404: {"model": schemas.ErrorAnswer, "description": "unknown_agreement"}},
    )
    async def get_agreement(number: str) -> schemas.AgreementRecord:
        if not (number.isascii() and number.isdigit() and len(number) <= 20):
            raise ApiError("bad_parameter", "An agreement's number is written in decimal digits.")

        def read() -> schemas.AgreementRecord | None:
            with context.database.read() as connection:
                return reads.agreement(connection, int(number))

        record = await anyio.to_thread.run_sync(read, limiter=readers)
        if record is None:
            raise ApiError(
                "unknown_agreement", f"No agreement {number} is known; an opening counts once it is final."
            )
        return record

    @app.get(
        "/v1/credentials/{identity}",
        tags=["read"],
        summary="What became of a credential or revocation that was handed in",
        dependencies=[allowed],
        responses=denied | {404: {"model": schemas.ErrorAnswer, "description": "unknown_credential"}},
    )
    async def get_credential(identity: str) -> schemas.CredentialRecord:
        if re.fullmatch(r"0x[0-9a-fA-F]{64}", identity) is None:
            raise ApiError("bad_parameter", "An id is 32 bytes: 0x and 64 hexadecimal digits.")

        def read() -> schemas.CredentialRecord | None:
            with context.database.read() as connection:
                return reads.credential(connection, bytes.fromhex(identity[2:]))

        record = await anyio.to_thread.run_sync(read, limiter=readers)
        if record is None:
            raise ApiError("unknown_credential", f"No credential or revocation {identity} was accepted here.")
        return record

    @app.get(
        "/v1/rewards/{account}",
        tags=["read"],
        summary="The fees that a payee's final work brought, and what of them counts for rewards",
        dependencies=[allowed],
        responses=denied,
    )
    async def get_rewards(account: str) -> schemas.RewardsRecord:
        if not (account.isascii() and account.isdigit() and len(account) <= 10 and int(account) < 2**32):
            raise ApiError("bad_parameter", "An account's number is written in decimal digits, below 2^32.")

        def read() -> schemas.RewardsRecord:
            with context.database.read() as connection:
                return reads.rewards_of(connection, int(account))

        return await anyio.to_thread.run_sync(read, limiter=readers)

    @app.get(
        "/v1/batches",
        tags=["read"],
        summary="Batches, the newest first",
        dependencies=[allowed],
        responses=denied,
    )
    async def get_batches(
        state: Annotated[
            Literal["planned", "posted", "settling", "settled", "lost", "cancelled"] | None, Query()
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> schemas.Batches:
        def read() -> schemas.Batches:
            with context.database.read() as connection:
                return reads.batch_page(connection, state, limit, offset)

        return await anyio.to_thread.run_sync(read, limiter=readers)

    @app.get(
        "/v1/batches/{batch}/leaves/{index}",
        tags=["read"],
        summary="One leaf of a batch, with its proof and the signed receipts and verdicts behind it",
        dependencies=[allowed],
        responses=denied | {404: {"model": schemas.ErrorAnswer, "description": "unknown_leaf"}},
    )
    async def get_leaf(batch: str, index: str) -> schemas.LeafRecord:
        """What a watcher checks a leaf by. It need not believe a word: everything is signed, and the root is on
        chain."""
        if not all(one.isascii() and one.isdigit() and len(one) <= 29 for one in (batch, index)):
            raise ApiError(
                "bad_parameter", "A batch's number and a leaf's index are written in decimal digits."
            )

        def read() -> schemas.LeafRecord | None:
            with context.database.read() as connection:
                return reads.leaf(connection, str(int(batch)), int(index))

        record = await anyio.to_thread.run_sync(read, limiter=readers)
        if record is None:
            raise ApiError("unknown_leaf", f"This relayer has made no batch {batch} with a leaf {index}.")
        return record


def _status(context: WebContext) -> schemas.Status:
    ready = context.health().ready
    with context.database.read() as connection:
        return reads.status(connection, ready)


# -- health and metrics --------------------------------------------------------------------------------------


def _add_health(app: FastAPI, context: WebContext, readers: CapacityLimiter, allowed: Any) -> None:
    @app.get("/live", tags=["health"], summary="Whether the process answers")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get(
        "/ready",
        tags=["health"],
        summary="Whether every loop keeps up and the chain can be reached",
        responses={
            503: {"model": schemas.Ready, "description": "A loop is stale, or the chain is out of reach"}
        },
    )
    async def ready(response: Response) -> schemas.Ready:
        health = context.health()
        response.status_code = 200 if health.ready else 503
        return schemas.Ready(
            ready=health.ready,
            chain_reachable=health.chain_reachable,
            posting_paused_until=health.posting_paused_until or None,
            opening_paused_until=health.opening_paused_until or None,
            loops={
                loop.name: schemas.Loop(age=round(loop.age, 3), limit=loop.limit, stale=loop.stale)
                for loop in health.loops
            },
        )

    @app.get(
        "/metrics",
        tags=["health"],
        summary="Prometheus metrics",
        dependencies=[allowed],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:
        text = await anyio.to_thread.run_sync(generate_latest, context.registry, limiter=readers)
        return Response(text, media_type=CONTENT_TYPE_LATEST)


# -- the operator's page -------------------------------------------------------------------------------------


def _add_page(app: FastAPI, context: WebContext, readers: CapacityLimiter) -> None:
    templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape())
    template = templates.get_template("status.html")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        status = None
        if not context.api_keys:  # with keys the page asks for one and fills itself
            status = await anyio.to_thread.run_sync(_status, context, limiter=readers)
        return HTMLResponse(
            template.render(status=status, version=tallystick.__version__),
            headers={"Cache-Control": "no-store"},
        )
