"""Posting until it is acknowledged, whatever the relayer does. No socket: httpx's own mock transport."""

import httpx
import orjson
import pytest

from tallystick.replay.courier import Courier, Refusal, count
from tallystick.replay.errors import ReplayError, ReplayStuck


class FakeRelayer:
    """Stands in for the supervisor: `dead` restarts are still to come."""

    url = "http://relayer"

    def __init__(self):
        self.dead = 0
        self.asked = 0

    def ensure(self):
        self.asked += 1
        if self.dead:
            self.dead -= 1
            return True
        return False

    def last_words(self):
        return "nothing"


def results(*statuses):
    return {
        "results": [
            {"line": n, "status": s, "code": "units_regress", "message": "m"}
            for n, s in enumerate(statuses, 1)
        ]
    }


def courier(answers, relayer=None, clock=None):
    """A courier whose relayer answers with `answers` one after another: a response, or an error to raise."""
    bodies, left = [], iter(answers)

    def handle(request):
        bodies.append(request.content)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    times = iter(clock or range(10_000))
    made = Courier(
        relayer or FakeRelayer(),
        transport=httpx.MockTransport(handle),
        clock=lambda: next(times),
        sleep=lambda seconds: None,
    )
    return made, bodies


def ok(*statuses):
    return httpx.Response(200, content=orjson.dumps(results(*statuses)))


def test_post__all_taken__counts_accepted_and_duplicates():
    made, bodies = courier([ok("accepted", "duplicate")])
    assert made.post("/v1/receipts", [b"a", b"b"]).taken == 2
    assert bodies == [b"a\nb\n"]


def test_post__connection_breaks__posts_the_same_again():
    relayer = FakeRelayer()
    relayer.dead = 1
    made, bodies = courier([httpx.ReadError("gone"), httpx.ConnectError("down"), ok("accepted")], relayer)
    assert made.post("/v1/receipts", [b"a"]).taken == 1
    assert bodies == [b"a\n"] * 3
    assert relayer.asked == 3


def test_post__later__waits_and_posts_again():
    made, bodies = courier(
        [httpx.Response(429, headers={"Retry-After": "1"}), httpx.Response(503), ok("accepted")]
    )
    assert made.post("/v1/receipts", [b"a"]).taken == 1
    assert len(bodies) == 3


def test_post__refused_lines__are_named():
    made, _ = courier([ok("accepted", "rejected")])
    answer = made.post("/v1/receipts", [b"a", b"b"])
    assert answer.taken == 1
    assert answer.refused == [Refusal(2, "units_regress", "m")]


def test_post__always_an_error__gives_up():
    made, _ = courier([httpx.Response(500, text="broken")] * 20)
    with pytest.raises(ReplayError, match="answers 500"):
        made.post("/v1/receipts", [b"a"])


def test_post__silence_of_a_living_relayer__gives_up():
    made, _ = courier([httpx.ReadTimeout("slow")] * 10, clock=range(0, 10_000, 100))
    with pytest.raises(ReplayStuck, match="has not answered"):
        made.post("/v1/receipts", [b"a"])


def test_count__answer_for_fewer_lines__is_an_error():
    with pytest.raises(ReplayError, match="each of 2 lines"):
        count(results("accepted"), 2)
