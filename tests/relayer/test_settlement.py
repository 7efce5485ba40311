"""The whole way of a figure: delivered, batched, posted, its window waited out, settled, final."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.relayer.config import BatchLimits
from tests.relayer.driver import Driver
from tests.relayer.scene import WINDOW, Scene

pytestmark = pytest.mark.node


@pytest.fixture
def driver(scene: Scene, database: Path) -> Iterator[Driver]:
    driver = Driver(scene, database)
    driver.round()
    yield driver
    driver.stop()


def test_round__chain_is_final__mirror_knows_agreements_keys_and_policy(driver: Driver, scene: Scene) -> None:
    assert [row["agreement"] for row in driver.rows("agreements")] == scene.agreements
    first = driver.rows("agreements")[0]
    assert (first["customer"], first["operator"], first["payee"], first["policy"]) == (1, 3, 2, 1)
    assert (first["unit_price"], first["budget"], first["fee_provider"], first["fee_customer"]) == (
        600_000, 50_000_000, 500, 0,
    )  # fmt: skip
    assert (first["status"], first["paid"], first["stop_at"], first["start"]) == (1, 0, 0, scene.opened_at)
    policy = driver.rows("policies")[0]
    assert (policy["kind"], policy["relayer"], policy["challenge_window"], policy["verifiers"]) == (
        1, 1, WINDOW, [2],
    )  # fmt: skip
    keys = {(row["operator"], row["kind"]): row["key"] for row in driver.rows("operator_keys")}
    assert keys[3, 0] == scene.device.address
    assert keys[2, 1] == scene.verifier.address
    assert keys[1, 2] == bytes.fromhex(scene.relayer.address[2:])
    assert {row["operator"]: row["roles"] for row in driver.rows("operators")} == {1: 4, 2: 2, 3: 1}


def test_rounds__one_figure__paid_exactly_once_its_window_has_passed(driver: Driver, scene: Scene) -> None:
    number = scene.agreements[0]
    assert driver.deliver([(number, 1_000_001)]) == ["accepted", "accepted"]
    driver.round()
    assert driver.states() == [], "young figures wait for company"
    driver.block(later=60)
    driver.round()
    assert driver.states() == ["planned"]
    assert driver.rows("batches")[0]["criterion"] == "age"
    # gross = floor(1 000 001 x 600 000 / 1e6) = 600 000 µ; no customer fee
    assert driver.rows("batches")[0]["value"] == 600_000
    driver.block()
    driver.round()
    driver.round()
    assert driver.states() == ["posted"]
    posted_at = driver.rows("batches")[0]["posted_at"]
    assert posted_at == scene.anvil.node.timestamp()
    driver.block(later=WINDOW - 1)
    driver.round()
    assert driver.states() == ["posted"], "one second too early"
    assert scene.paid(number) == 0
    driver.block(later=1)
    driver.round()
    assert driver.states() == ["settling"]
    driver.block()
    driver.round()
    assert scene.paid(number) == 600_000
    assert driver.states() == ["settling"], "not final yet"
    driver.block()
    driver.block()
    driver.round()
    assert driver.states() == ["settled"]
    assert driver.rows("batches")[0]["moved"] == 600_000
    mirrored = {row["agreement"]: row["paid"] for row in driver.rows("agreements")}
    assert mirrored[number] == 600_000
    driver.round()
    assert driver.states("transactions") == ["final", "final"]
    receipts = {row["kind"]: row["receipt"] for row in driver.rows("transactions")}
    assert receipts["post"]["status"] == receipts["settle"]["status"] == 1
    assert receipts["post"]["gasUsed"] > 21_000
    assert receipts["post"]["effectiveGasPrice"] > 0


def test_rounds__two_batches_in_flight__later_one_declares_the_difference_only(
    driver: Driver, scene: Scene
) -> None:
    number = scene.agreements[1]
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    driver.block()
    driver.round()
    driver.deliver([(number, 5_000_000)])
    driver.block(later=60)
    driver.round()
    driver.block()
    driver.round()
    values = {row["nonce"]: row["value"] for row in driver.rows("batches")}
    assert values == {0: 600_000, 1: 2_400_000}
    for _ in range(4):
        driver.block(later=WINDOW)
        driver.round()
    driver.block()
    driver.round()
    assert scene.paid(number) == 3_000_000
    assert driver.states() == ["settled", "settled"]
    assert [row["moved"] for row in driver.rows("batches")] == [600_000, 2_400_000]
    assert scene.read("ReceiptLedger", "inFlight", 1) == 0


def test_rounds__more_agreements_than_fit__full_batches_go_by_size(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database, BatchLimits(age=3_600, leaves=3))
    driver.round()
    driver.deliver([(number, 1_000_000) for number in scene.agreements])
    for _ in range(6):
        driver.round()
        driver.block()
    batches = driver.rows("batches")
    assert [(row["criterion"], row["nonce"]) for row in batches] == [("size", 0), ("size", 1)]
    leaves = [(row["batch"], row["idx"], row["agreement"]) for row in driver.rows("batch_leaves")]
    assert [number for batch, _, number in leaves if batch == batches[0]["batch"]] == scene.agreements[:3]
    assert [number for batch, _, number in leaves if batch == batches[1]["batch"]] == scene.agreements[3:6]
    driver.stop()


def test_round__stranger_settles_ours_first__nothing_is_paid_twice(driver: Driver, scene: Scene) -> None:
    number = scene.agreements[2]
    driver.deliver([(number, 2_000_000)])
    driver.block(later=60)
    driver.round()
    driver.block()
    driver.round()
    row = driver.rows("batches")[0]
    driver.block(later=WINDOW)
    from tallystick.chain.anvil import DEV_KEYS
    from tallystick.chain.signers import KeySigner

    stranger = KeySigner.from_hex(DEV_KEYS[5])
    call = driver.contracts.settle_call(int(row["batch"]), row["figures"])
    node = scene.anvil.node
    raw = stranger.sign_transaction(
        {
            "chainId": scene.anvil.chain_id, "nonce": node.nonce(stranger.address), "gas": 500_000, "value": 0,
            "to": scene.address("ReceiptLedger"), "data": call,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9,
        }
    ).raw  # fmt: skip
    node.send_raw(raw)
    driver.block()
    assert scene.paid(number) == 1_200_000
    for _ in range(4):
        driver.round()
        driver.block()
    driver.round()
    assert scene.paid(number) == 1_200_000
    assert driver.states() == ["settled"]
    assert driver.rows("dead_letters") == []
