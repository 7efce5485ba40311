"""Faults between relayer and node, drawn by a seed: every figure is still paid exactly once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.errors import NodeUnreachable
from tallystick.chain.node import HttpTransport, Transport
from tallystick.chain.rpc import RpcPool
from tests.relayer.driver import Driver
from tests.relayer.scene import WINDOW, Scene

pytestmark = pytest.mark.node


class Faulty:
    """A transport that times out before or after the node worked, drops sends, lies by half, or lags behind."""

    def __init__(self, inner: Transport, seed: int, share: float) -> None:
        self.inner = inner
        self.name = inner.name
        self.share = share
        self.lot = random.Random(seed)
        self.faults: list[str] = []

    def close(self) -> None:
        self.inner.close()

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        sends = any(method == "eth_sendRawTransaction" for method, _ in requests)
        if self.lot.random() >= self.share:
            return list(self.inner.exchange(requests))
        kinds = ["timeout before", "timeout after", "half an answer", "limit"]
        kind = self.lot.choice([*kinds, "dropped"] if sends else [*kinds, "nothing"])
        self.faults.append(kind)
        if kind == "timeout before":
            raise NodeUnreachable("timed out")
        if kind == "dropped":
            return [{"result": "0x" + "00" * 32}]
        if kind == "nothing":
            return [{"result": None} for _ in requests]
        if kind == "limit":
            return [{"error": {"code": -32005, "message": "limit exceeded"}} for _ in requests]
        answers = list(self.inner.exchange(requests))
        if kind == "timeout after":
            raise NodeUnreachable("timed out")
        return answers[:-1]


class FaultyDriver(Driver):
    """A driver whose endpoints fail. `endpoints` of them, each by its own lot."""

    seed = 0
    endpoints = 1
    share = 0.25

    def make_pool(self) -> RpcPool:
        self.faulty = [
            Faulty(HttpTransport(self.scene.anvil.url), self.seed * 100 + place, self.share)
            for place in range(self.endpoints)
        ]
        return RpcPool(self.faulty, self.scene.anvil.chain_id)


@pytest.mark.parametrize(("seed", "endpoints"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_rounds__faulty_endpoints__every_figure_is_paid_exactly_once(
    scene: Scene, database: Path, seed: int, endpoints: int
) -> None:
    FaultyDriver.seed, FaultyDriver.endpoints = seed, endpoints
    driver = FaultyDriver(scene, database)
    numbers = scene.agreements
    for _ in range(20):
        driver.round()
        if len(driver.rows("agreements")) == len(numbers):
            break
        driver.block()
    wanted = {number: 1_000_000 * (place + 1) for place, number in enumerate(numbers)}
    assert set(driver.deliver(list(wanted.items()))) == {"accepted"}
    for block in range(200):
        driver.block(later=WINDOW if block % 10 == 9 else 12)
        driver.round()
        if driver.states() and set(driver.states()) == {"settled"}:
            break
    assert set(driver.states()) == {"settled"}
    assert {number: scene.paid(number) for number in numbers} == {
        number: units * 6 // 10 for number, units in wanted.items()
    }
    assert sum(row["moved"] for row in driver.rows("batches")) == sum(wanted.values()) * 6 // 10
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == len(driver.rows("batches"))
    leaves = [row["agreement"] for row in driver.rows("batch_leaves")]
    assert sorted(leaves) == sorted(numbers), "a figure went into two batches"
    assert sum(len(each.faults) for each in driver.faulty) > 8
    driver.stop()


def test_rounds__two_relayers_share_one_key__strangers_batch_wins_and_the_figures_go_into_the_next(
    scene: Scene, database: Path
) -> None:
    """A mistake of the operator's: two databases, one key. Both sign nonce 0 and batch 0."""
    one, other = Driver(scene, database), Driver(scene, database.with_name("other.sqlite3"))
    for driver, number in ((one, scene.agreements[0]), (other, scene.agreements[1])):
        driver.round()
        driver.deliver([(number, 1_000_000)])
    one.block(later=60)
    one.round()
    other.round()
    assert one.rows("batches")[0]["batch"] == other.rows("batches")[0]["batch"]
    for block in range(40):
        one.block(later=WINDOW if block in (20, 26) else 12)
        one.round()
        other.round()
    assert [scene.paid(number) for number in scene.agreements[:2]] == [600_000, 600_000]
    assert sorted([*one.states(), *other.states()]) == ["lost", "settled", "settled"]
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 2
    assert scene.read("ReceiptLedger", "inFlight", 1) == 0
    one.stop()
    other.stop()
