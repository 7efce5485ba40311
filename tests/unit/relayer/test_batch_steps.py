"""What becomes of a batch: the decisions of submit and keep, and of the configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import tallystick.relayer.metrics as metrics_module
from tallystick.relayer.config import BadConfig, BatchLimits, RelayerConfig, parse_listen
from tallystick.relayer.contracts import PostedBatch
from tallystick.relayer.keep import Refundable, due_refunds, may_settle
from tallystick.relayer.metrics import Metrics
from tallystick.relayer.submit import Outcome, Step, judge_failed_post, next_step, retry_delay


def transaction(state: str, status: int | None = None) -> Outcome:
    return Outcome(state, None if status is None else {"status": status})


SENT, QUEUED = transaction("sent"), transaction("queued")
MINED, FINAL = transaction("mined", 1), transaction("final", 1)
FAILED, REVERTED, REFUSED = transaction("mined", 0), transaction("reverted", 0), transaction("refused")


@pytest.mark.parametrize(
    ("state", "post", "settle", "step"),
    [
        ("planned", QUEUED, None, Step.NOTHING),
        ("planned", SENT, None, Step.NOTHING),
        ("planned", MINED, None, Step.POSTED),
        ("planned", FINAL, None, Step.POSTED),
        ("planned", FAILED, None, Step.NOTHING),  # a reorg may still undo the failure
        ("planned", REVERTED, None, Step.JUDGE_POST),
        ("planned", REFUSED, None, Step.JUDGE_POST),
        ("posted", MINED, None, Step.NOTHING),
        ("posted", SENT, None, Step.BACK_TO_PLANNED),
        ("posted", FAILED, None, Step.BACK_TO_PLANNED),
        ("posted", REFUSED, None, Step.NOTHING),  # posted by an earlier transaction, as the chain said
        ("settling", SENT, QUEUED, Step.BACK_TO_PLANNED),
        ("settling", FINAL, SENT, Step.NOTHING),
        ("settling", FINAL, FINAL, Step.NOTHING),  # the follower sees it settled, with what was paid
        ("settling", FINAL, REFUSED, Step.RETRY_SETTLE),
        ("settling", FINAL, REVERTED, Step.RETRY_SETTLE),
    ],
)
def test_next_step__states_of_its_transactions__one_step(
    state: str, post: Outcome, settle: Outcome | None, step: Step
) -> None:
    assert next_step(state, post, settle) is step


HASH, ROOT = b"\x01" * 32, b"\x02" * 32
ON_CHAIN = PostedBatch(posted_at=50, value=7, moved=0, figures_hash=HASH, root=ROOT)


@pytest.mark.parametrize(
    ("on_chain", "now", "step"),
    [
        (None, 100, Step.POST_AGAIN),
        (None, 101, Step.NEW_DEADLINE),
        (ON_CHAIN, 500, Step.POSTED),
        (replace(ON_CHAIN, figures_hash=ROOT), 50, Step.LOST),
        (replace(ON_CHAIN, root=HASH), 50, Step.LOST),
    ],
)
def test_judge_failed_post__what_the_chain_has__says_what_to_do(
    on_chain: PostedBatch | None, now: int, step: Step
) -> None:
    assert judge_failed_post(on_chain, HASH, ROOT, 100, now) is step


def test_retry_delay__tries__doubles_up_to_ten_minutes() -> None:
    assert [retry_delay(tries) for tries in (0, 1, 2, 6, 7, 50)] == [5, 10, 20, 320, 600, 600]


@pytest.mark.parametrize(
    ("posted_at", "retry_at", "now", "may"),
    [
        (None, 0, 10**9, False),
        (100, 0, 699, False),
        (100, 0, 700, True),
        (100, 800, 799, False),
        (100, 800, 800, True),
    ],
)
def test_may_settle__window_of_600_seconds(posted_at: int | None, retry_at: int, now: int, may: bool) -> None:
    assert may_settle(posted_at, 600, retry_at, now) is may


def test_due_refunds__end_graces_and_longest_window__to_the_second() -> None:
    open_ones = [Refundable(1, 1_000, 300), Refundable(2, 1_001, 300), Refundable(3, 900, 500)]
    assert due_refunds(open_ones, 200, 1_500) == [1]
    assert due_refunds(open_ones, 200, 1_600) == [1, 2, 3]


CONFIG = {
    "rpc": ("http://127.0.0.1:8545",), "deployments": Path("deployments"), "database": "x.sqlite3",
    "policies": (1,), "operator": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"rpc": ()}, {"rpc": ("ws://127.0.0.1",)}, {"policies": ()}, {"policies": (0,)}, {"policies": (1, 1)},
        {"policies": (65_536,)}, {"operator": 0}, {"poll": 0.0}, {"poll": 1e9}, {"log_range": 0},
        {"checkpoint_interval": -1}, {"checkpoint_fees": -1},
    ],
)  # fmt: skip
def test_relayer_config__makes_no_sense__is_refused_in_a_sentence(wrong: dict[str, Any]) -> None:
    RelayerConfig(**CONFIG)
    with pytest.raises(BadConfig) as problem:
        RelayerConfig(**{**CONFIG, **wrong})
    assert problem.value.code == "bad_config"
    assert problem.value.message.endswith(".")


def test_parse_listen__hosts_and_ports__are_told_apart() -> None:
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:8080") == ("::1", 8080)
    for wrong in ("8080", ":80", "host:", "host:x", "host:65536", "host:-1"):
        with pytest.raises(BadConfig):
            parse_listen(wrong)


def test_metrics__answers_of_both_kinds__counted_by_status_and_code() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.count_answers("receipt", [("accepted", ""), ("accepted", ""), ("rejected", "over_budget")])
    metrics.count_answers("verdict", [("duplicate", "")])
    told = generate_latest(metrics.registry).decode()
    assert 'tallystick_receipts_total{code="",status="accepted"} 2.0' in told
    assert 'tallystick_receipts_total{code="over_budget",status="rejected"} 1.0' in told
    assert 'tallystick_verdicts_total{code="",status="duplicate"} 1.0' in told


def test_metrics__documentation__names_every_metric() -> None:
    metrics = Metrics(CollectorRegistry())
    for family in metrics.registry.collect():
        suffix = "_total" if family.type == "counter" else ""
        assert f"| {family.name}{suffix} |" in (metrics_module.__doc__ or "")


def test_batch_limits__age_that_outlasts_the_grace_to_settle__is_refused() -> None:
    """A receipt of the last second of POST_GRACE waits `age`, then a window, and a refund comes SETTLE_GRACE
    after that window: half of the grace is for waiting, half for posting and settling."""
    assert BatchLimits(age=43_200).age == 43_200
    with pytest.raises(BadConfig) as problem:
        BatchLimits(age=43_201)
    assert "--batch-age" in problem.value.message
