"""Fees of final work are counted for rewards on a real chain, a day later, once, and to the µ."""

from __future__ import annotations

from pathlib import Path

import pytest

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.relayer.checkpoint import offset_of
from tests.relayer.driver import CrashPoint, Driver
from tests.relayer.scene import RELAYER, WINDOW, Scene, open_agreements

pytestmark = pytest.mark.node

DAY = 86_400
RATE = 10 * 10**12  # TALLY-wei a µ
OFFSET = offset_of(RELAYER)


class Deaths:
    """Dies once at each place, while it is let loose."""

    places = (
        "checkpoint.before",
        "checkpoint.after",
        "engine.before_signed",
        "engine.signed",
        "engine.broadcast",
    )

    def __init__(self) -> None:
        self.loose = False
        self.died: list[str] = []

    def __call__(self, place: str) -> None:
        if self.loose and place in self.places and place not in self.died:
            self.died.append(place)
            raise CrashPoint(place)


def to_time(driver: Driver, at: int) -> None:
    """A block at that second, and a round."""
    driver.block(at - driver.scene.anvil.node.timestamp())
    driver.round()


def let_pass(driver: Driver, *blocks: int) -> None:
    for later in blocks:
        driver.block(later)
        driver.round()


def counted(scene: Scene) -> list[tuple[int, int]]:
    """(account, µ) of all Checkpointed events."""
    topic = "0x" + load("SupplierRewards").events["Checkpointed"].digest.hex()
    logs = scene.anvil.node.logs(scene.address("SupplierRewards"), [topic])
    return [(int(log["topics"][1], 16), int(log["data"][2:66], 16)) for log in logs]


def another_payee(scene: Scene) -> int:
    """An agreement that pays account 3."""
    scene.anvil.node.request("evm_setAutomine", [True])
    sender = KeySender(scene.anvil.node, KeySigner.from_hex(DEV_KEYS[0]))
    sender.send(scene.address("Escrow"), load("Escrow").encode("createAccount", sender.address))
    before = scene.opened_at
    (number,) = open_agreements(scene, sender, 1, first_nonce=700, payee=3, start=before)
    scene.anvil.node.request("evm_setAutomine", [False])
    scene.mine_final()
    return number


def test_rounds__days_pass__every_payees_fees_are_counted_once_whenever_it_dies(
    scene: Scene, database: Path
) -> None:
    deaths = Deaths()
    small = another_payee(scene)
    first, second = scene.agreements[:2]
    driver = Driver(scene, database, reached=deaths, checkpoint_interval=DAY)
    noon = (scene.anvil.node.timestamp() // DAY + 1) * DAY + DAY // 2
    to_time(driver, noon)
    # 5 % of 30 000 000, of 600 001 and of 6 000 000 µ: 1 500 000, 30 000 and 300 000
    driver.deliver([(first, 50_000_000), (second, 1_000_003), (small, 10_000_000)])
    let_pass(driver, 60, 12, WINDOW, 12, 12, 12)
    assert driver.states() == ["settled"]
    fees = {row["account"]: row["fees"] for row in driver.rows("rewards")}
    assert fees == {2: 1_530_000, 3: 300_000}
    assert [scene.read("Escrow", "earningsOf", account)[2] for account in (2, 3)] == [1_530_000, 300_000]
    assert driver.relayer.fees_waiting()[:2] == (1_830_000, 2)

    midnight = noon + DAY // 2
    to_time(driver, midnight + OFFSET - 1)
    assert [row["kind"] for row in driver.rows("transactions")] == ["post", "settle"]
    deaths.loose = True
    to_time(driver, midnight + OFFSET)
    let_pass(driver, 12, 12, 12, 12)
    deaths.loose = False
    assert set(deaths.died) == set(deaths.places)
    assert counted(scene) == [(2, 1_530_000)]  # the other's 300 000 µ are not worth the gas yet
    assert scene.read("SupplierRewards", "lifetimeOf", 2) == (1_530_000, 0, 1_530_000 * RATE, 0, 0)
    assert scene.read("SupplierRewards", "lifetimeOf", 3) == (0, 300_000, 0, 0, 0)
    assert driver.relayer.fees_waiting()[:2] == (300_000, 1)

    # The second day: 5 % of 49 999 999 less 1 500 000, rounded down in all
    driver.deliver([(first, 83_333_333)])
    let_pass(driver, 60, 12, WINDOW, 12, 12, 12)
    assert scene.read("SupplierRewards", "lifetimeOf", 2)[:2] == (1_530_000, 999_999)
    to_time(driver, midnight + DAY + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert counted(scene) == [(2, 1_530_000)], "999 999 µ are one too few"
    to_time(driver, midnight + 6 * DAY + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert counted(scene) == [(2, 1_530_000), (3, 300_000)], "after a week they are counted all the same"
    to_time(driver, midnight + 7 * DAY + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert counted(scene) == [(2, 1_530_000), (3, 300_000), (2, 999_999)]
    assert driver.relayer.fees_waiting() == (0, 0, 0)
    rows = {row["account"]: row["counted"] for row in driver.rows("rewards")}
    assert rows == {account: scene.read("SupplierRewards", "lifetimeOf", account)[0] for account in (2, 3)}
    kinds = [
        (row["kind"], row["state"]) for row in driver.rows("transactions") if row["kind"] == "checkpoint"
    ]
    assert kinds == [("checkpoint", "final")] * 3
    to_time(driver, midnight + 8 * DAY + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert len(counted(scene)) == 3
    driver.stop()


def test_rounds__rewards_and_token_revert__what_comes_after_is_posted_and_settled_all_the_same(
    scene: Scene, database: Path
) -> None:
    """B04 where the service stands: counting fails, is told, and stops no payment; the fees are counted when it is
    mended."""
    first, second = scene.agreements[:2]
    driver = Driver(scene, database, checkpoint_interval=DAY)
    noon = (scene.anvil.node.timestamp() // DAY + 1) * DAY + DAY // 2
    to_time(driver, noon)
    driver.deliver([(first, 50_000_000)])
    let_pass(driver, 60, 12, WINDOW, 12, 12, 12)
    whole = {name: scene.anvil.node.code(scene.address(name)) for name in ("SupplierRewards", "TestTally")}
    for name in whole:
        scene.anvil.node.request("anvil_setCode", [scene.address(name), "0x5f5ffd"])

    midnight = noon + DAY // 2
    to_time(driver, midnight + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert counted(scene) == []
    told = {sample.labels["loop"] for metric in driver.metrics.errors.collect() for sample in metric.samples}
    assert told == {"checkpoint"}
    driver.deliver([(second, 50_000_000)])
    let_pass(driver, 60, 12, WINDOW, 12, 12, 12)
    assert driver.states() == ["settled", "settled"]
    assert scene.read("Escrow", "earningsOf", 2) == (57_000_000, 0, 3_000_000)

    for name, code in whole.items():
        scene.anvil.node.request("anvil_setCode", [scene.address(name), "0x" + code.hex()])
    to_time(driver, midnight + DAY + OFFSET)
    let_pass(driver, 12, 12, 12)
    assert counted(scene) == [(2, 3_000_000)]
    driver.stop()
