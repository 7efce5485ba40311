"""A steady relayer and one that dies at every commit point end equal: same rows, same signed bytes, same chain.

Both live the same script on the same chain, staged once and reverted between them. Receipts come in over several
blocks, batches are posted and settled, and become final.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.relayer.config import BatchLimits
from tests.relayer.driver import CrashPoint, Driver
from tests.relayer.scene import WINDOW, Scene

pytestmark = pytest.mark.node

PLACES = (
    "follow.before", "follow.after", "batch.before", "batch.after", "engine.before_signed", "engine.signed",
    "engine.broadcast", "engine.sent", "engine.mined", "engine.final", "submit.before", "submit.after",
    "keep.before", "keep.after",
)  # fmt: skip
TABLES = (
    "policies", "operators", "operator_keys", "agreements", "receipts", "verdicts", "figures", "batches",
    "batch_leaves", "dead_letters", "transactions", "attempts", "meta",
)  # fmt: skip


class Deaths:
    """Dies once at each place, the `nth` time that it is reached; or ever so often, wherever that is.

    The gaps grow by one, since a relayer that is killed at the same step for ever never gets past it.
    """

    def __init__(self, nth: int = 0, gap: int = 0) -> None:
        self.nth = nth
        self.gap = self.next = gap
        self.reached: Counter[str] = Counter()
        self.places: set[str] = set()

    def __call__(self, place: str) -> None:
        self.reached[place] += 1
        dies = self.reached[place] == self.nth if self.nth else self.reached.total() == self.next
        if dies:
            self.gap += 1
            self.next += self.gap
            self.places.add(place)
            raise CrashPoint(place)


def live(scene: Scene, database: Path, reached: Callable[[str], None]) -> tuple[dict[str, Any], int]:
    """The script. Returns what is left, and how often it died."""
    # Anvil's next base fee survives a revert: without this the second life would pay other fees.
    scene.anvil.node.request("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])
    driver = Driver(scene, database, BatchLimits(age=60, leaves=5), reached)
    numbers = scene.agreements
    deaths = driver.round()
    for block in range(13):
        if block < 3:
            # cumulative: 1, 2, 3 million units and some more for each agreement
            driver.deliver(
                [(number, (block + 1) * 1_000_000 + place) for place, number in enumerate(numbers)]
            )
        driver.block(later=WINDOW if block in (7, 9) else 30)
        deaths += driver.round()
    for _ in range(3):
        driver.block()
        deaths += driver.round()
    left: dict[str, Any] = {table: driver.rows(table) for table in TABLES}
    for row in left[
        "transactions"
    ]:  # Anvil draws a block's prevRandao by lot, so its hash differs every time
        del row["block_hash"], row["receipt"]["blockHash"]
    left["meta"] = [row for row in left["meta"] if row["key"] != "followed_hash"]
    left["states"] = driver.states()
    left["paid"] = [scene.paid(number) for number in numbers]
    left["in flight"] = scene.read("ReceiptLedger", "inFlight", 1)
    left["chain"] = transactions_of(scene)
    driver.stop()
    return left, deaths


def transactions_of(scene: Scene) -> list[tuple[int, list[str]]]:
    """(block, transaction hashes) of the newest 20 blocks."""
    node = scene.anvil.node
    newest = node.block_number()
    return [(number, list(node.block(number)["transactions"])) for number in range(newest - 19, newest + 1)]


@pytest.fixture(scope="module")
def steady(staged_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    snapshot = staged_scene.anvil.snapshot()
    database = tmp_path_factory.mktemp("steady") / "relayer.sqlite3"
    left, deaths = live(staged_scene, database, lambda place: None)
    assert deaths == 0
    staged_scene.anvil.revert(snapshot)
    return left


def test_live__steady__pays_every_figure_once(steady: dict[str, Any]) -> None:
    # floor((3 000 000 + place) x 0.6)
    assert steady["paid"] == [1_800_000 + place * 6 // 10 for place in range(8)]
    assert set(steady["states"]) == {"settled"}
    assert steady["in flight"] == 0
    assert sum(row["moved"] for row in steady["batches"]) == sum(steady["paid"])
    assert {row["state"] for row in steady["transactions"]} == {"final"}
    assert len(steady["transactions"]) == 2 * len(steady["batches"])


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_live__dies_once_at_every_commit_point__ends_as_the_steady_one(
    scene: Scene, tmp_path: Path, steady: dict[str, Any], nth: int
) -> None:
    deaths = Deaths(nth=nth)
    left, died = live(scene, tmp_path / "crashing.sqlite3", deaths)
    assert deaths.places == set(PLACES)
    assert died == len(PLACES)
    for what, value in steady.items():
        assert left[what] == value, what


@pytest.mark.parametrize("gap", [2, 3])
def test_live__dies_ever_so_often__ends_as_the_steady_one(
    scene: Scene, tmp_path: Path, steady: dict[str, Any], gap: int
) -> None:
    deaths = Deaths(gap=gap)
    left, died = live(scene, tmp_path / "crashing.sqlite3", deaths)
    assert died >= 12
    for what, value in steady.items():
        assert left[what] == value, what
