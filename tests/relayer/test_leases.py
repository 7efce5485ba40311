"""Leases, cancelled batches and pauses, on a chain: what the contracts do is what the relayer reckons with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.enums import Mode
from tests.relayer.driver import Driver
from tests.relayer.scene import WINDOW, Scene, ndjson, open_agreements

pytestmark = pytest.mark.node

DAY = 86_400
LAG = DAY + WINDOW + DAY  # report time, challenge window, SETTLE_GRACE
RATE = 100  # µ a second
BUDGET = 50_000_000  # µ: 500 000 seconds


def owner(scene: Scene) -> KeySender:
    return KeySender(scene.anvil.node, KeySigner.from_hex(DEV_KEYS[0]))


def send(scene: Scene, name: str, function: str, *values: Any) -> None:
    """By the deployer: guardian, customer and provider in one."""
    scene.anvil.node.request("evm_setAutomine", [True])
    owner(scene).send(scene.address(name), load(name).encode(function, *values))
    scene.anvil.node.request("evm_setAutomine", [False])


def leased(scene: Scene) -> int:
    scene.anvil.node.request("evm_setAutomine", [True])
    terms = {"mode": int(Mode.LEASE), "unit_price": RATE * 10**6, "budget": BUDGET}
    (number,) = open_agreements(scene, owner(scene), 1, first_nonce=500, **terms)
    scene.anvil.node.request("evm_setAutomine", [False])
    scene.mine_final()
    return number


def let_pass(driver: Driver, *blocks: int) -> None:
    for later in blocks:
        driver.block(later)
        driver.round()


def test_rounds__lease_runs_and_runs_out__its_clock_is_paid_to_the_second_and_the_rest_is_refunded(
    scene: Scene, database: Path
) -> None:
    number = leased(scene)
    driver = Driver(scene, database)
    start = scene.opened_at
    driver.round()
    assert driver.rows("agreements")[-1]["funded_until"] == start + 500_000
    let_pass(driver, start + LAG - scene.anvil.node.timestamp())
    assert driver.states("transactions") == [], "nothing is due up to the horizon"
    let_pass(driver, 1_000, 12)
    paid = scene.paid(number)
    assert paid == (scene.anvil.node.timestamp() - LAG - start) * RATE
    let_pass(driver, 12, 12, 12, 1_000)
    assert scene.paid(number) == paid, "once a day"
    let_pass(driver, DAY, 12, 12, 12)
    assert paid + DAY * RATE <= scene.paid(number) < paid + 2 * DAY * RATE
    # it ends with its money, and the clock pays it to the last µ
    let_pass(driver, 500_000 + LAG, 12, 12, 12)
    assert scene.paid(number) == BUDGET
    kinds = [row["kind"] for row in driver.rows("transactions")]
    assert kinds == ["poke"] * 3
    driver.stop()


def test_rounds__downtime_is_reported__is_posted_and_lowers_the_bill(scene: Scene, database: Path) -> None:
    number = leased(scene)
    driver = Driver(scene, database)
    driver.round()
    let_pass(driver, 3_600)
    down = ndjson([scene.receipt(number, 300, seconds=600)])
    assert [outcome.status for outcome in driver.ingest.receipts(down)] == ["accepted"]
    let_pass(driver, 60, 12, WINDOW, 12, 12, 12)
    assert driver.states() == ["settled"]
    assert [row["value"] for row in driver.rows("batches")] == [0]
    assert scene.read("Escrow", "agreementOf", number)["downtime"] == 300
    assert {row["agreement"]: row["downtime"] for row in driver.rows("agreements")}[number] == 300
    let_pass(driver, LAG, 12)
    served = scene.anvil.node.timestamp() - LAG - scene.opened_at - 300
    assert scene.paid(number) == served * RATE
    driver.stop()


def test_rounds__batch_is_cancelled__its_figures_are_posted_anew_and_paid_once(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    let_pass(driver, 60, 12)
    assert driver.states() == ["posted"]
    send(scene, "ReceiptLedger", "cancel", int(driver.rows("batches")[0]["batch"]))
    let_pass(driver, 12, 12, 12)
    assert driver.states()[0] == "cancelled"
    assert scene.read("ReceiptLedger", "inFlight", 1) == 0
    let_pass(driver, 3_600, 60, 12, 12)
    assert driver.states() == ["cancelled", "posted"]
    let_pass(driver, WINDOW, 12, 12, 12)
    assert driver.states() == ["cancelled", "settled"]
    assert scene.paid(number) == 600_000
    driver.stop()


def test_rounds__posting_is_paused__waits_says_so_and_goes_on(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    send(scene, "ReceiptLedger", "pausePosting", 7_200)
    until = scene.anvil.node.timestamp() + 7_200
    let_pass(driver, 12, 12, 12)
    assert driver.relayer.pauses() == (until, 0)
    assert driver.deliver([(number, 1_000_000)]) == ["accepted", "accepted"]
    let_pass(driver, 3_600, 12)
    assert driver.states() == []
    let_pass(driver, 3_600)
    assert driver.relayer.pauses() == (0, 0)
    let_pass(driver, 12, 12)
    assert driver.states() == ["posted"]
    driver.stop()
