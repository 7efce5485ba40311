"""Posts NDJSON to the relayer until it has acknowledged every line, however often it dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tallystick.replay.errors import ReplayError, ReplayStuck
from tallystick.replay.supervisor import Supervisor

__all__ = ["Courier", "Refusal", "Tallied", "count"]

MAX_REFUSED_POSTS = 20
"""Answers in a row that are neither 200 nor 'later' before the replay gives up."""
SILENCE = 180
"""Seconds without an answer, from a relayer that runs, before the replay gives up."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that the relayer would not take; `line` counts from 1 in its chunk."""

    line: int
    code: str
    message: str


@dataclass(slots=True)
class Tallied:
    """What became of the lines of one kind. A line that was taken twice counts once."""

    taken: int = 0
    refused: list[Refusal] = field(default_factory=list)


def count(answer: dict[str, Any], lines: int) -> Tallied:
    """Reads the relayer's answer to an NDJSON body of `lines` lines.

    Raises:
        ReplayError: `bad_answer`, when it does not account for every line.
    """
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != lines:
        raise ReplayError("bad_answer", f"The relayer did not answer for each of {lines} lines.")
    tallied = Tallied()
    for place, result in enumerate(results, 1):
        if result.get("status") in ("accepted", "duplicate"):
            tallied.taken += 1
        else:
            tallied.refused.append(Refusal(place, str(result.get("code")), str(result.get("message"))))
    return tallied


class Courier:
    """An HTTP client of the relayer that survives the relayer."""

    def __init__(
        self,
        relayer: Supervisor,
        *,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout` in seconds for one answer."""
        self._relayer = relayer
        self._client = httpx.Client(timeout=timeout, trust_env=False, transport=transport)
        self._clock = clock
        self._sleep = sleep

    def close(self) -> None:
        """Lets connections go."""
        self._client.close()

    def post(self, path: str, lines: Sequence[bytes]) -> Tallied:
        """Posts lines until they are answered; posting again is harmless, the relayer knows what it has.

        Raises:
            RelayerGone: when the relayer does not come up again.
            ReplayError: `bad_answer`, when it keeps answering with something else.
        """
        body = b"\n".join(lines) + b"\n"
        for attempt in range(MAX_REFUSED_POSTS):
            response = self._until_answered("POST", path, body)
            if response.status_code == 200:
                return count(orjson.loads(response.content), len(lines))
            self._sleep(_pause(response, attempt))
        raise ReplayError(
            "bad_answer", f"The relayer answers {response.status_code} to {path}: {response.text[:200]}"
        )

    def get(self, path: str) -> httpx.Response:
        """A read; asked again when the relayer dies over it."""
        return self._until_answered("GET", path, None)

    def _until_answered(self, method: str, path: str, body: bytes | None) -> httpx.Response:
        headers = {"Content-Type": "application/x-ndjson"} if body is not None else {}
        silent_since = self._clock()
        while True:
            if self._relayer.ensure():
                silent_since = self._clock()
            try:
                return self._client.request(method, self._relayer.url + path, content=body, headers=headers)
            except httpx.TransportError as problem:
                # Dead, or dying: a moment later its process is gone, and `ensure` starts another.
                if self._clock() - silent_since > SILENCE:
                    raise ReplayStuck(
                        f"The relayer runs, but has not answered {path} for {SILENCE} s"
                        f" ({type(problem).__name__}); it last said: {self._relayer.last_words()}"
                    ) from None
                self._sleep(0.05)


def _pause(response: httpx.Response, attempt: int) -> float:
    """Seconds until the next try: what Retry-After says, else a little longer each time."""
    try:
        wanted = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        wanted = 0.1 * 2.0 ** min(attempt, 5)
    return min(wanted, 30.0)
