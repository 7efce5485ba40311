"""The relayer gets another signer key between two runs on one database: what the old key left is finished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tallystick.chain.contracts import load
from tallystick.chain.signers import KeySigner
from tallystick.protocol.enums import KeyKind
from tallystick.protocol.keys import PrivateKey
from tests.relayer.driver import Driver
from tests.relayer.scene import RELAYER, WINDOW, Scene
from tests.relayer.test_adversity import OWNER, let_pass, posted, send

pytestmark = pytest.mark.node

NEW = KeySigner(PrivateKey.from_seed("scene", "relayer, new key"))


def authorise(scene: Scene) -> None:
    scene.anvil.set_balance(NEW.address, 10**20)
    staking = load("Staking")
    send(scene, OWNER, "Staking", staking.encode("authoriseKey", RELAYER, KeyKind.SIGNER, NEW.address))


def restart(driver: Driver) -> None:
    """Stops the relayer and starts it with NEW."""
    driver.stop()
    driver.scene = replace(driver.scene, relayer=NEW)
    driver.start()


def rotate(driver: Driver, scene: Scene) -> None:
    """Authorises NEW, revokes the old key, and starts with NEW."""
    authorise(scene)
    driver.block()
    staking, old = load("Staking"), scene.relayer.address
    send(scene, OWNER, "Staking", staking.encode("revokeKey", RELAYER, KeyKind.SIGNER, old))
    driver.block()
    restart(driver)


def senders(driver: Driver, kind: str) -> list[str]:
    known = {bytes.fromhex(NEW.address[2:]): "new"}
    return [known.get(row["sender"], "old") for row in driver.rows("transactions") if row["kind"] == kind]


@pytest.mark.parametrize("signed", [False, True])
def test_rounds__key_changes_before_the_post_is_mined__new_key_posts_and_settles(
    scene: Scene, database: Path, signed: bool
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[0]
    driver.round()
    driver.deliver([(number, 1_000_000)])
    if not signed:
        driver.relayer.engine._limits = replace(driver.relayer.engine._limits, in_flight=0)
    driver.block(later=60)
    driver.round()
    assert driver.states() == ["planned"]
    assert driver.states("transactions") == ["sent" if signed else "queued"]
    scene.anvil.node.request("anvil_dropAllTransactions")
    rotate(driver, scene)
    let_pass(driver, 12, 12, 12, 12, 12, WINDOW, 12, 12, 12, 12)
    assert driver.states() == ["settled"]
    assert scene.paid(number) == 600_000
    assert senders(driver, "post") == ["old", "new"]
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    driver.stop()


def test_rounds__key_changes_while_the_post_is_young__is_not_posted_again(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[1]
    driver.round()
    posted(driver, [(number, 1_000_000)])
    assert driver.states("transactions") == ["mined"]
    rotate(driver, scene)
    let_pass(driver, 12, 12, 12, 12, WINDOW, 12, 12, 12, 12)
    assert driver.states() == ["settled"]
    assert scene.paid(number) == 600_000
    assert senders(driver, "post") == ["old"]
    assert senders(driver, "settle") == ["new"]
    assert scene.read("ReceiptLedger", "nextNonce", 1, 1) == 1
    driver.stop()


def test_rounds__key_changes_while_a_settlement_is_under_way__new_key_settles(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[2]
    driver.round()
    posted(driver, [(number, 1_000_000)])
    let_pass(driver, 12, 12, 12)
    driver.block(later=WINDOW)
    driver.round()
    assert driver.states() == ["settling"]
    scene.anvil.node.request("anvil_dropAllTransactions")
    rotate(driver, scene)
    let_pass(driver, 12, 12, 12, 12, 12, 12)
    assert driver.states() == ["settled"]
    assert scene.paid(number) == 600_000
    assert senders(driver, "settle") == ["old", "new"]
    driver.stop()


def test_rounds__old_keys_post_is_reorged_away_after_the_change__new_key_posts_it(
    scene: Scene, database: Path
) -> None:
    driver = Driver(scene, database)
    number = scene.agreements[3]
    authorise(scene)
    let_pass(driver, 12, 12, 12)
    posted(driver, [(number, 1_000_000)])
    restart(driver)
    driver.round()
    assert driver.states() == ["planned"], "what a reorg can still take back is not believed"
    scene.anvil.node.request("anvil_reorg", [1, []])
    scene.anvil.node.request("anvil_dropAllTransactions")
    let_pass(driver, 12, 12, 12, 12, 12, WINDOW, 12, 12, 12, 12)
    assert driver.states() == ["settled"]
    assert scene.paid(number) == 600_000
    assert senders(driver, "post") == ["old", "new"]
    driver.stop()
