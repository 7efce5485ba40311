"""Challenges and rejections on a real chain: the relayer answers by itself, and pays when it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.posted import posted_batch
from tallystick.chain.signers import KeySigner
from tallystick.protocol.eip712 import Verdict
from tallystick.store.tables import receipts
from tests.relayer.driver import CrashPoint, Driver
from tests.relayer.scene import RELAYER, VERIFIER, WINDOW, Scene, ndjson
from tests.support.chain_calls import post_call

pytestmark = pytest.mark.node

RESPONSE = 21_600  # seconds
BOND, PENALTY = 20_000_000, 100_000_000  # µ
STRANGER = KeySigner.from_hex(DEV_KEYS[5])


@pytest.fixture
def driver(scene: Scene, database: Path) -> Iterator[Driver]:
    """A relayer, and a stranger with money for bonds."""
    driver = Driver(scene, database)
    driver.round()
    post_call(scene, STRANGER, "TestDollar", "mint", STRANGER.address, 10**9)
    post_call(scene, STRANGER, "TestDollar", "approve", scene.address("Challenges"), 10**9)
    driver.block()
    yield driver
    driver.stop()


def rounds(driver: Driver, count: int, later: int = 12) -> None:
    for _ in range(count):
        driver.block(later)
        driver.round()


def posted(driver: Driver, number: int, units: int = 1_000_000) -> int:
    """Delivers a figure and sees it posted. Returns the batch."""
    assert driver.deliver([(number, units)]) == ["accepted", "accepted"]
    driver.block(later=60)
    driver.round()
    rounds(driver, 2)
    assert driver.states()[-1] == "posted"
    return int(driver.rows("batches")[-1]["batch"])


def challenge(driver: Driver, batch: int) -> None:
    found = posted_batch(driver.scene.anvil.node, driver.scene.deployment, batch)
    assert found is not None
    post_call(driver.scene, STRANGER, "Challenges", "challenge", found.argument(0))
    driver.block()
    assert driver.scene.read("Challenges", "challengeOf", batch, 0)[0].lower() == STRANGER.address.lower()


def stake(scene: Scene) -> int:
    record = scene.read("Staking", "get", RELAYER)
    return int(sum(record[part] for part in ("free", "pledged", "reserved", "thawing")))


def test_challenge__leaf_is_backed__answered_by_itself_paid_and_the_bond_is_the_relayers(
    driver: Driver, scene: Scene
) -> None:
    number = scene.agreements[0]
    batch = posted(driver, number)
    challenge(driver, batch)
    rounds(driver, 6)
    assert [row["state"] for row in driver.rows("challenges")] == ["answered"]
    assert int(scene.read("Challenges", "challengeOf", batch, 0)[0], 16) == 0
    assert scene.read("Challenges", "credits", scene.relayer.address) == BOND
    rounds(driver, 5, later=WINDOW)
    assert (scene.paid(number), driver.states()) == (600_000, ["settled"])
    assert [row["kind"] for row in driver.rows("transactions")] == ["post", "answer", "settle"]


def test_challenge__relayer_is_killed_at_every_commit_point_of_its_answer__answered_once(
    scene: Scene, database: Path
) -> None:
    died: list[str] = []

    def reached(place: str) -> None:
        watched = place.startswith("answer.") or (bool(died) and place.startswith("engine."))
        if watched and place not in died:
            died.append(place)
            raise CrashPoint(place)

    driver = Driver(scene, database, reached=reached)
    driver.round()
    post_call(scene, STRANGER, "TestDollar", "mint", STRANGER.address, 10**9)
    post_call(scene, STRANGER, "TestDollar", "approve", scene.address("Challenges"), 10**9)
    driver.block()
    batch = posted(driver, scene.agreements[4])
    challenge(driver, batch)
    rounds(driver, 8)
    assert {"answer.before", "answer.after", "engine.signed"} <= set(died)
    assert [row["state"] for row in driver.rows("challenges")] == ["answered"]
    assert [row["key"] for row in driver.rows("transactions") if row["kind"] == "answer"] == [
        f"answer:{batch}:0:0"
    ]
    assert scene.read("Challenges", "credits", scene.relayer.address) == BOND
    driver.stop()


def test_challenge__answered_after_the_batch_was_settled__settled_once_more(
    driver: Driver, scene: Scene
) -> None:
    """The answer comes late: the settlement left the leaf out, and another one pays it within SETTLE_GRACE."""
    number = scene.agreements[1]
    batch = posted(driver, number)
    kept = driver.rows("receipts")
    with driver.database.write() as connection:
        connection.execute(delete(receipts))
    challenge(driver, batch)
    rounds(driver, 5, later=WINDOW)
    assert (scene.paid(number), driver.states()) == (0, ["settled"])
    assert driver.rows("challenges")[0]["problem"] == "unanswerable: nothing_due"
    with driver.database.write() as connection:
        connection.execute(receipts.insert(), kept)
    rounds(driver, 12, later=60)
    assert [row["state"] for row in driver.rows("challenges")] == ["answered"]
    assert (scene.paid(number), driver.states()) == (600_000, ["settled"])
    assert driver.rows("dead_letters") == []


def test_challenge__the_store_is_gone__leaf_goes_void_and_the_relayer_is_penalised(
    driver: Driver, scene: Scene, tmp_path: Path
) -> None:
    number = scene.agreements[2]
    batch = posted(driver, number)
    before = stake(scene)
    driver.stop()
    bare = Driver(scene, tmp_path / "another.sqlite3")
    challenge(bare, batch)
    rounds(bare, 6)
    assert [(row["state"], row["problem"]) for row in bare.rows("challenges")] == [
        ("open", "unanswerable: not_posted")
    ]
    bare.block(later=RESPONSE)
    post_call(scene, STRANGER, "Challenges", "void", batch, 0)
    rounds(bare, 6)
    assert [row["state"] for row in bare.rows("challenges")] == ["void"]
    assert before - stake(scene) == PENALTY
    assert scene.read("Challenges", "credits", STRANGER.address) == BOND, "the bond is back"
    assert scene.read("Staking", "credits", STRANGER.address) == PENALTY // 5, (
        "and a fifth of the penalty with it"
    )
    post_call(scene, STRANGER, "ReceiptLedger", "settle", batch, posted_figures(bare, batch))
    rounds(bare, 4)
    assert scene.paid(number) == 0
    bare.stop()
    driver.start()


def posted_figures(driver: Driver, batch: int) -> bytes:
    found = posted_batch(driver.scene.anvil.node, driver.scene.deployment, batch)
    assert found is not None
    assert found.figures is not None
    return found.figures


def test_reject__verifier_says_invalid__proposed_by_itself_and_the_rest_is_refunded(
    driver: Driver, scene: Scene
) -> None:
    """Of 1 000 000 units 400 000 are valid; the smaller figure is not shown to the Court, so all 50 USDC go back."""
    number = scene.agreements[3]
    assert driver.deliver([(number, 400_000)]) == ["accepted", "accepted"]
    receipt = scene.receipt(number, 1_000_000, seconds=2)
    assert driver.ingest.receipts(ndjson([receipt]))[0].status == "accepted"
    said = Verdict(number, 400_000, (1_000_000).to_bytes(32, "big"), False, 1, 9_000)
    verdict = scene.verdict(number, 1_000_000) | {
        "units": 400_000, "valid": False, "signature": scene._signed(scene.verifier, said),
    }  # fmt: skip
    assert driver.ingest.verdicts(ndjson([verdict]))[0].status == "accepted"
    rounds(driver, 7)
    assert [(row["state"], row["dispute"]) for row in driver.rows("rejections")] == [("proposed", 1)]
    view = scene.read("Court", "disputeOf", 1)
    assert (view["agreement"], view["attacked"], view["claimed"]) == (number, 1_000_000, 400_000)
    assert scene.read("Escrow", "agreementOf", number)["frozen"]
    mirrored = {row["agreement"]: row["frozen"] for row in driver.rows("agreements")}
    assert [one for one, frozen in mirrored.items() if frozen] == [number]
    assert scene.read("Staking", "get", VERIFIER)["reserved"] == view_bond(scene)
    free = scene.read("Escrow", "balanceOf", 1)[0]
    driver.block(later=86_400)
    assert scene.read("Court", "disputeOf", 1)["state"] == 6, "uncontested, it is upheld"
    post_call(scene, STRANGER, "Court", "execute", 1)
    rounds(driver, 4)
    closed = {row["agreement"]: row["status"] for row in driver.rows("agreements")}
    assert (closed[number], scene.paid(number)) == (2, 0)
    assert scene.read("Escrow", "balanceOf", 1)[0] == free + 50_000_000


def view_bond(scene: Scene) -> int:
    """max(50 USDC, 5 % of the 50 USDC that are frozen), by one verifier."""
    assert scene.read("Court", "count") == 1
    return 50_000_000
