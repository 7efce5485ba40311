"""What others do, and what time does: out-of-order settlements, passed deadlines, closed agreements, refunds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.signers import KeySigner
from tests.relayer.driver import Driver
from tests.relayer.scene import WINDOW, Scene

pytestmark = pytest.mark.node

DAY = 86_400
OWNER = KeySigner.from_hex(DEV_KEYS[0])  # owns the customer's account and the provider
STRANGER = KeySigner.from_hex(DEV_KEYS[5])


def send(scene: Scene, who: KeySigner, contract: str, data: bytes) -> None:
    """Puts a call into the next block."""
    node = scene.anvil.node
    transaction = who.sign_transaction(
        {
            "chainId": scene.anvil.chain_id, "nonce": node.nonce(who.address, "pending"), "gas": 1_000_000,
            "to": scene.address(contract), "value": 0, "data": data,
            "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**10,
        }
    )  # fmt: skip
    node.send_raw(transaction.raw)


def posted(driver: Driver, figures: list[tuple[int, int]]) -> None:
    """Delivers figures and posts them in a batch."""
    driver.deliver(figures)
    driver.block(later=60)
    driver.round()
    driver.block()
    driver.round()
    assert driver.states()[-1] == "posted"


def let_pass(driver: Driver, *later: int) -> None:
    for seconds in later:
        driver.block(later=seconds)
        driver.round()


def test_rounds__stranger_settles_a_later_batch_first__what_it_squeezed_out_is_paid_by_a_new_one(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    first, second = scene.agreements[:2]
    driver.round()
    posted(driver, [(first, 1_000_000), (second, 1_000_000)])
    posted(driver, [(first, 2_000_000), (second, 2_000_000)])
    later = driver.rows("batches")[1]
    assert later["value"] == 1_200_000, "600 000 µ each on top of the first batch"
    driver.block(later=WINDOW)
    # The later batch, on its own, pays the first agreement's 1 200 000 µ, and has nothing left for the second.
    send(
        scene, STRANGER, "ReceiptLedger", driver.contracts.settle_call(int(later["batch"]), later["figures"])
    )
    driver.block()
    assert (scene.paid(first), scene.paid(second)) == (1_200_000, 0)
    let_pass(driver, 12, 12, 12, 12, 60, 12, 12)
    let_pass(driver, WINDOW, 12, 12, 12, 12)
    assert (scene.paid(first), scene.paid(second)) == (1_200_000, 1_200_000)
    assert driver.states() == ["settled"] * 3
    assert scene.read("ReceiptLedger", "inFlight", 1) == 0
    driver.stop()


def test_rounds__nodes_were_away_for_longer_than_the_deadline__posts_again_under_a_new_one(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    old = driver.rows("batches")[0]["deadline"]
    scene.anvil.node.request("anvil_dropAllTransactions")
    driver.block(later=8 * DAY)
    driver.round()  # the stored bytes go out again, though they come too late
    let_pass(driver, 12, 12, 12)
    assert [row["state"] for row in driver.rows("transactions")] == ["reverted", "sent"]
    assert "ReceiptLedger_DeadlinePassed" in driver.rows("transactions")[0]["problem"]
    assert driver.rows("batches")[0]["deadline"] > old
    let_pass(driver, 12, WINDOW, 12, 12, 12)
    assert scene.paid(number) == 600_000
    assert driver.states() == ["settled"]
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    driver.stop()


def test_rounds__agreement_ends_unpaid_and_is_refunded__figure_is_set_aside_and_others_go_on(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    closed, other = scene.agreements[:2]
    driver.round()
    driver.deliver([(closed, 1_000_000)])
    send(scene, OWNER, "Escrow", load("Escrow").encode("close", closed))
    driver.block()
    # the relayer sleeps through everything: end, graces and the longest window
    driver.block(later=3 * DAY + 2 * DAY + 3_600)
    send(scene, OWNER, "Escrow", load("Escrow").encode("refund", closed))
    driver.block()
    driver.block()
    driver.block()
    driver.round()
    driver.round()
    (letter,) = driver.rows("dead_letters")
    assert (letter["agreement"], letter["units"], letter["reason"]) == (closed, 1_000_000, "agreement_closed")
    assert driver.states() == []
    posted(driver, [(other, 1_000_000)])
    let_pass(driver, WINDOW, 12, 12, 12)
    assert (scene.paid(closed), scene.paid(other)) == (0, 600_000)
    driver.stop()


@pytest.mark.parametrize("keeps", [False, True])
def test_rounds__refund_is_due__asked_for_only_when_told_to(
    scene: Scene, database: Path, keeps: bool
) -> None:
    driver = Driver(scene, database)
    driver.config = replace(driver.config, keep_refunds=keeps)
    driver.stop()
    driver.start()
    number = scene.agreements[0]
    driver.round()
    posted(driver, [(number, 1_000_000)])
    let_pass(driver, WINDOW, 12, 12, 12)
    # the provider ends it at once
    send(scene, OWNER, "Escrow", load("Escrow").encode("close", number))
    let_pass(driver, 12, 12, 12)
    free, _ = scene.read("Escrow", "balanceOf", 1)
    let_pass(driver, 5 * DAY + 3_600, 12, 12, 12)
    free_after, _ = scene.read("Escrow", "balanceOf", 1)
    assert free_after - free == (50_000_000 - 600_000 if keeps else 0)
    kinds = [row["kind"] for row in driver.rows("transactions")]
    assert kinds == ["post", "settle"] + (["refund"] if keeps else [])
    driver.stop()


def test_rounds__relayer_lost_its_stake__batch_waits_and_says_why(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    # 95 000 of 100 000 dollars leave: below the minimum of 10 000
    send(scene, OWNER, "Staking", load("Staking").encode("unstake", 1, 95_000_000_000))
    driver.deliver([(number, 1_000_000)])
    driver.block(later=60)
    driver.round()
    assert driver.states() == []
    told = generate_latest(driver.metrics.registry).decode()
    assert 'tallystick_batch_waits_total{reason="ReceiptLedger_RelayerNotActive"} 1.0' in told
    send(scene, OWNER, "Staking", load("Staking").encode("cancelThaw", 1))
    driver.block()
    driver.round()
    assert driver.states() == ["planned"]
    driver.stop()


def test_rounds__whole_way__metrics_tell_it(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    driver.round()
    posted(driver, [(number, 1_000_000) for number in scene.agreements])
    let_pass(driver, WINDOW, 12, 12, 12)
    told = generate_latest(driver.metrics.registry).decode()
    for line in (
        'tallystick_batches_total{criterion="age"} 1.0',
        "tallystick_batch_leaves_total 8.0",
        'tallystick_transactions_total{event="final",kind="post"} 1.0',
        'tallystick_transactions_total{event="final",kind="settle"} 1.0',
        "tallystick_transactions_pending 0.0",
        "tallystick_figures_waiting 0.0",
        "tallystick_batches_unsettled 0.0",
        'tallystick_loop_age_seconds{loop="engine"} 60.0',
        f"tallystick_followed_block {float(scene.anvil.node.block_number() - 2)}",
    ):
        assert line in told, line
    gas = sum(row["receipt"]["gasUsed"] for row in driver.rows("transactions") if row["kind"] == "settle")
    assert f'tallystick_gas_used_total{{kind="settle"}} {float(gas)}' in told
    driver.stop()


def test_round__one_loop_fails__the_others_have_their_turn(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    driver.deliver([(number, 1_000_000)])

    def broken(head: object) -> None:
        raise RuntimeError("a fault of ours")

    driver.relayer._loops = tuple(  # type: ignore[assignment]
        (name, broken if name == "keep" else step) for name, step in driver.relayer._loops
    )
    driver.block(later=60)
    driver.round()
    assert driver.states() == ["planned"]
    assert driver.states("transactions") == ["sent"]
    told = generate_latest(driver.metrics.registry).decode()
    assert 'tallystick_loop_errors_total{code="fault",loop="keep"} 1.0' in told
    assert driver.relayer.ages()["keep"] == 2 * driver.relayer.ages()["batch"] == 120.0
    driver.stop()


def test_rounds__a_figure_is_above_what_the_stake_allows__others_go_on_and_it_is_told(
    scene: Scene, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(scene, database)
    small, big = scene.agreements[:2]
    driver.round()
    terms = driver.contracts.posting_terms
    with monkeypatch.context() as stake:
        stake.setattr(
            driver.contracts, "posting_terms", lambda *of: terms(*of)._replace(limit=700_000, room=700_000)
        )
        posted(driver, [(small, 1_000_000), (big, 2_000_000)])  # 600 000 and 1 200 000 µ
    assert [row["agreement"] for row in driver.rows("batch_leaves")] == [small]
    told = generate_latest(driver.metrics.registry).decode()
    assert 'tallystick_batch_waits_total{reason="above_limit"} 1.0' in told
    let_pass(driver, 12, 12, 60, 12, 12, WINDOW, 12, 12, 12, 12, WINDOW, 12, 12, 12, 12)
    assert (scene.paid(small), scene.paid(big)) == (600_000, 1_200_000)
    driver.stop()
