"""Reorgs of every depth up to finality: the same bytes go out again, and no figure is paid twice or lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.relayer.driver import Driver
from tests.relayer.scene import WINDOW, Scene

pytestmark = pytest.mark.node


def drop_mempool(scene: Scene) -> None:
    """What a node forgets that saw the reorg: Anvil keeps nothing of the blocks, this keeps nothing at all."""
    scene.anvil.node.request("anvil_dropAllTransactions")


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("forgetful", [False, True])
def test_round__post_is_reorged_away__same_bytes_are_posted_again(
    scene: Scene, database: Path, depth: int, forgetful: bool
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    for _ in range(depth):
        driver.block()
    driver.round()
    driver.round()
    assert driver.states() == ["posted"]
    raw = [row["raw"] for row in driver.rows("attempts")]
    scene.anvil.reorg(depth)
    if forgetful:
        drop_mempool(scene)
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 0
    driver.round()
    driver.round()
    assert driver.states() == ["planned"]
    assert driver.rows("batches")[0]["posted_at"] is None
    driver.block()
    driver.round()
    driver.round()
    assert driver.states() == ["posted"]
    assert driver.rows("batches")[0]["posted_at"] == scene.anvil.node.timestamp()
    assert [row["raw"] for row in driver.rows("attempts")] == raw
    finish(driver)
    assert scene.paid(number) == 600_000
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    driver.stop()


@pytest.mark.parametrize("depth", [1, 2])
def test_round__settlement_is_reorged_away__it_is_settled_again_and_paid_once(
    scene: Scene, database: Path, depth: int
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[1]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    for later in (12, WINDOW):
        driver.block(later)
        driver.round()
        driver.round()
    assert driver.states() == ["settling"]
    for _ in range(depth):
        driver.block()
        driver.round()
    assert scene.paid(number) == 600_000
    scene.anvil.reorg(depth)
    assert scene.paid(number) == 0
    driver.round()
    finish(driver)
    assert scene.paid(number) == 600_000
    assert driver.states("transactions") == ["final", "final"]
    driver.stop()


def test_round__stuck_below_the_base_fee__replaced_by_ten_percent_and_mined_once(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[2]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    first = driver.rows("attempts")[0]
    for _ in range(3):
        # The market has risen above what was offered: the next blocks leave it out.
        scene.anvil.node.request("anvil_setNextBlockBaseFeePerGas", [hex(2 * first["max_fee"])])
        driver.block()
        driver.round()
    tries = driver.rows("attempts")
    assert len(tries) >= 2
    for before, after in pairwise(tries):
        assert after["nonce"] == before["nonce"]
        assert after["max_fee"] * 10 >= before["max_fee"] * 11
        assert after["priority_fee"] * 10 >= before["priority_fee"] * 11
        assert after["max_fee"] <= driver.config.engine.fees.cap
    driver.block()
    finish(driver)
    assert scene.paid(number) == 600_000
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    driver.stop()


def test_round__a_stranger_with_our_key_takes_the_nonce__another_nonce_is_signed(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[3]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    drop_mempool(scene)
    taken = scene.relayer.sign_transaction(
        {
            "chainId": scene.anvil.chain_id, "nonce": 0, "gas": 21_000, "value": 0, "data": b"",
            "to": scene.relayer.address, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**10,
        }
    )  # fmt: skip
    scene.anvil.node.send_raw(taken.raw)
    driver.block()
    assert scene.anvil.node.receipt(taken.hash) is not None
    for _ in range(3):  # until the stranger's transaction is final: not before is the nonce given up
        driver.round()
        assert [row["nonce"] for row in driver.rows("attempts")] == [0]
        driver.block()
    finish(driver)
    assert scene.paid(number) == 600_000
    assert [row["nonce"] for row in driver.rows("attempts")][:2] == [0, 1]
    assert driver.states() == ["settled"]
    driver.stop()


def finish(driver: Driver) -> None:
    """Lets everything happen that time brings."""
    for later in (12, 12, 12, WINDOW, 12, 12, 12, 12):
        driver.block(later)
        driver.round()
    driver.round()
    assert driver.states() == ["settled"]
