"""Bodies that are too large, too many or too slow, as the server sees them: message by message, no sockets."""

import asyncio
import json
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, receipt_json

from tallystick.protocol.messages import Outcome
from tallystick.relayer.ingest import Ingest
from tallystick.store.database import Database
from tallystick.web.api import create_app
from tallystick.web.context import Limits, WebContext

Message = MutableMapping[str, Any]
MEGABYTE = 2**20
PART = bytes(64 * 1024)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = market.open_market(tmp_path)
    yield database
    database.close()


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


async def ask(
    app: FastAPI,
    receive: Callable[[], Awaitable[Message]],
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "/v1/receipts",
) -> Answer:
    answer = Answer()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 9),
    }
    await app(scope, receive, answer.send)
    return answer


class Upload:
    """A client that sends `parts` and counts how many were asked for."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self.taken = 0

    async def receive(self) -> Message:
        part = next(self._parts, None)
        if part is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += 1
        return {"type": "http.request", "body": part, "more_body": True}


def app_of(database: Database, **limits: Any) -> FastAPI:
    return create_app(WebContext(database, Ingest(database, DOMAIN, CREDENTIALS), limits=Limits(**limits)))


def test_body__50_mb_announced__413_without_reading_any(database: Database) -> None:
    upload = Upload(PART for _ in range(800))
    answer = asyncio.run(ask(app_of(database), upload.receive, {"Content-Length": str(50 * MEGABYTE)}))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert upload.taken == 0


def test_body__50_mb_without_a_length__413_after_32_mb_and_memory_is_given_back(database: Database) -> None:
    app = app_of(database)
    tracemalloc.start()
    peaks = []
    for _ in range(3):
        upload = Upload(bytes(len(PART)) for _ in range(800))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        answer = asyncio.run(ask(app, upload.receive))
        after, peak = tracemalloc.get_traced_memory()
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert upload.taken == 513  # 512 parts of 64 KiB are 32 MiB
        assert after - before < MEGABYTE
        peaks.append(peak - before)
    tracemalloc.stop()
    assert max(peaks) < 34 * MEGABYTE


def test_body__exactly_the_limit__is_read(database: Database) -> None:
    app = app_of(database, body=1_000)
    at, above = Upload(iter([b" " * 1_000])), Upload(iter([b" " * 1_001]))
    assert asyncio.run(ask(app, at.receive)).code == "malformed_json"
    assert asyncio.run(ask(app, above.receive)).code == "body_too_large"


def test_body__announced_short_but_long__413_all_the_same(database: Database) -> None:
    upload = Upload(b" " * 500 for _ in range(10))
    answer = asyncio.run(ask(app_of(database, body=1_000), upload.receive, {"Content-Length": "10"}))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert upload.taken == 3


def test_body__stops_coming__408(database: Database) -> None:
    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    answer = asyncio.run(ask(app_of(database, chunk_timeout=0.05), receive))
    assert (answer.status, answer.code) == (408, "body_timeout")


def test_body__drips_in__408_after_a_while(database: Database) -> None:
    """Each part in time, the whole never: it must not hold its place for ever."""
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": taken < 2_000}

    answer = asyncio.run(ask(app_of(database, chunk_timeout=5.0, body_timeout=0.1), receive))
    assert (answer.status, answer.code) == (408, "body_timeout")
    assert taken < 100


def test_backlog__too_many_bodies_at_once__429_with_retry_after_then_room_again(database: Database) -> None:
    app = app_of(database, waiting_requests=1, retry_after=7)
    content = json.dumps(receipt_json(101, 10)).encode()

    async def scene() -> tuple[Answer, Answer, Answer]:
        gone_on = asyncio.Event()

        async def slow() -> Message:
            await gone_on.wait()
            return {"type": "http.request", "body": content, "more_body": False}

        first = asyncio.create_task(ask(app, slow))
        await asyncio.sleep(0.05)
        second = await ask(app, Upload(iter([content])).receive)
        gone_on.set()
        await first
        return first.result(), second, await ask(app, Upload(iter([content])).receive)

    first, second, third = asyncio.run(scene())
    assert (first.status, json.loads(first.body)["status"]) == (200, "accepted")
    assert (second.status, second.code, second.headers["retry-after"]) == (429, "backlog_full", "7")
    assert (third.status, json.loads(third.body)["status"]) == (200, "duplicate")


def test_backlog__too_many_bytes_at_once__429(database: Database) -> None:
    app = app_of(database, waiting_bytes=1_500)

    async def scene() -> Answer:
        gone_on = asyncio.Event()
        parts = iter([b" " * 1_000])

        async def slow() -> Message:
            part = next(parts, None)
            if part is None:
                await gone_on.wait()
                return {"type": "http.request", "body": b"", "more_body": False}
            return {"type": "http.request", "body": part, "more_body": True}

        first = asyncio.create_task(ask(app, slow))
        await asyncio.sleep(0.05)
        second = await ask(app, Upload(iter([b" " * 600])).receive)
        gone_on.set()
        await first
        return second

    answer = asyncio.run(scene())
    assert (answer.status, answer.code) == (429, "backlog_full")


def test_live__while_ingest_works__answers(database: Database) -> None:
    working, may_end = threading.Event(), threading.Event()

    class Slow(Ingest):
        def receipt(self, content: bytes) -> Outcome:
            working.set()
            assert may_end.wait(10)
            return super().receipt(content)

    app = create_app(WebContext(database, Slow(database, DOMAIN, CREDENTIALS)))

    async def scene() -> tuple[bool, Answer, Answer]:
        content = json.dumps(receipt_json(101, 10)).encode()
        taking = asyncio.create_task(ask(app, Upload(iter([content])).receive))
        assert await asyncio.to_thread(working.wait, 10)
        live = await ask(app, Upload(iter([])).receive, method="GET", path="/live")
        still_working = not taking.done()
        may_end.set()
        return still_working, live, await taking

    still_working, live, taken = asyncio.run(scene())
    assert still_working
    assert (live.status, taken.status) == (200, 200)
