"""`ape run verifier` and `ape run dispute`: a whole quarrel as people type it, with a jury of five."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.relayer.scene import POLICY, RELAYER, Scene, staged
from tests.scripts.test_scripts import Ape, Shell

from tallystick.chain import dispute_ops as ops
from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.dispute_desk import DisputeDesk
from tallystick.chain.provider_desk import send_all
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.chain.votes import Votes
from tallystick.protocol.eip712 import BatchHeader, Verdict, batch_number, digest
from tallystick.protocol.figures import encode_figures
from tallystick.protocol.keys import PrivateKey, recover

pytestmark = [pytest.mark.node, pytest.mark.slow]

DAY, RULING = 86_400, 172_800  # seconds
USDC = 10**6
JURORS = range(1, 6)  # TEST::1 … TEST::5
VERIFIER_KEY = PrivateKey.from_seed("scripts", "verifier key")
CHALLENGER, PROVIDER, STRANGER = "TEST::6", "TEST::0", "TEST::7"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with staged(tmp_path_factory.mktemp("quarrel"), agreements=2) as scene:
        yield scene


@pytest.fixture(scope="module")
def shell(scene: Scene) -> Iterator[Shell]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALLYSTICK_VERIFIER_KEY", VERIFIER_KEY.secret.hex())
        ape = Ape()
    yield Shell(ape, f"ethereum:local:{scene.anvil.url}", scene.folder / "deployments")
    ape.stop()


def sender(scene: Scene, place: int) -> KeySender:
    return KeySender(scene.anvil.node, KeySigner.from_hex(DEV_KEYS[place]))


def call(scene: Scene, who: KeySender, name: str, function: str, *values: Any) -> None:
    who.send(scene.address(name), load(name).encode(function, *values))


def post(scene: Scene, number: int, units: int) -> int:
    """The relayer's key posts a leaf."""
    nonce = scene.read("ReceiptLedger", "nextNonce", POLICY, RELAYER)
    header = BatchHeader(POLICY, 10**9, nonce, scene.anvil.node.timestamp() + 600)
    who = KeySender(scene.anvil.node, scene.relayer)
    values = (tuple(header), encode_figures([(number, units)]), units.to_bytes(32, "big"), [])
    call(scene, who, "ReceiptLedger", "post", *values)
    return batch_number(POLICY, RELAYER, nonce)


def later(scene: Scene, seconds: int) -> None:
    scene.anvil.set_next_block_timestamp(scene.anvil.node.timestamp() + seconds)
    scene.anvil.mine()


def seat_by_hand(scene: Scene, place: int) -> None:
    """What the scripts do, for the jurors who do not type."""
    who = sender(scene, place)
    call(scene, who, "TestDollar", "mint", who.address, 3_000 * USDC)
    call(scene, who, "TestDollar", "approve", scene.address("Staking"), 2_000 * USDC)
    call(scene, who, "TestDollar", "approve", scene.address("Jury"), 200 * USDC)
    number = int(scene.read("Staking", "count")) + 1
    call(scene, who, "Staking", "register", 2, 0, 0, 0, bytes(32))
    call(scene, who, "Staking", "stake", number, 2_000 * USDC)
    call(scene, who, "Jury", "deposit", number, 200 * USDC)


def test_verifier__registers_stakes_and_enlists(scene: Scene, shell: Shell) -> None:
    snapshot = scene.anvil.snapshot()
    account = {"account": "TEST::8"}
    assert "register first, with `ape run verifier register`" in shell.refuses("verifier", "stake", "1 USDC")
    assert "as a verifier" in shell.says("verifier", "register", "--dry-run", **account)
    assert "This is operator 4." in shell.says("verifier", "register", **account)
    shell.says("provider", "faucet", "3000 USDC", **account)
    assert "stake 2,500 tUSD for operator 4" in shell.says("verifier", "stake", "2500 USDC", **account)
    address = "0x" + VERIFIER_KEY.address.hex()
    assert "sign verdicts for operator 4" in shell.says("verifier", "authorise-key", address, **account)
    done = shell.says("verifier", "enlist", "200 USDC", **account)
    assert "Will allow the jury to take 200 tUSD." in done
    assert "Will deposit 200 tUSD in the jury for verifier 4: 200 tUSD then." in done
    shown = shell.says("verifier", "show", **account)
    assert "operator 4 (verifier), active" in shown
    assert "juror for verifier 4" in shown
    assert "leave the jury" in shell.says("verifier", "resign", **account)
    scene.anvil.revert(snapshot)


def test_verifier__sign__prints_a_verdict_that_its_key_signed(shell: Shell, scene: Scene) -> None:
    done = shell.ape.run(
        [
            "run", "verifier", "sign", "--network", shell.network, "--deployments", str(shell.folder),
            "--agreement", "7", "--units", "0", "--output-root", "0x" + "5a" * 32, "--invalid", "--confidence", "9000",
        ]
    )  # fmt: skip
    assert done["code"] == 0, done
    item = json.loads(done["stdout"].splitlines()[-1])
    said = Verdict(7, 0, b"\x5a" * 32, False, 1, 9_000)
    signature = bytes.fromhex(item["signature"][2:])
    assert recover(digest(desk_of(scene).domain, said.hash_struct()), signature) == VERIFIER_KEY.address
    assert item == {
        "agreement": "7", "units": "0", "outputRoot": "0x" + "5a" * 32, "valid": False, "verifierVersion": 1,
        "confidence": 9_000, "signature": item["signature"],
    }  # fmt: skip


def test_dispute__opened_answered_voted_and_carried_out(scene: Scene, shell: Shell, tmp_path: Path) -> None:
    number = scene.agreements[0]
    for place in JURORS:
        seat_by_hand(scene, place)
    later(scene, DAY)
    batch = post(scene, number, 1_000_000)

    where = ("--agreement", str(number), "--units", "400000", "--batch", str(batch))
    assert "Say --batch and --leaf together" in shell.refuses("dispute", "open", *where)
    challenger = sender(scene, 6)
    call(scene, challenger, "TestDollar", "mint", challenger.address, 100 * USDC)
    done = shell.says("dispute", "open", *where, "--leaf", "0", account=CHALLENGER)
    assert f"Will dispute agreement {number}: 400000 units stand; bond 50 tUSD." in done
    assert scene.read("Court", "disputeOf", 1)["reason"] == 3
    assert (
        "frozen by dispute 1: join that one"
        in shell.run("dispute", "open", *where, "--leaf", "0", account=STRANGER)["stderr"]
    )

    proof = tmp_path / "logs.txt"
    proof.write_text("all of it was delivered")
    assert (
        "say whose side, with --side"
        in shell.run("dispute", "respond", "1", "--evidence", str(proof), account=STRANGER)["stderr"]
    )
    shown = shell.says(
        "dispute", "respond", "1", "--evidence", str(proof), "--side", "provider", account=PROVIDER
    )
    assert "for the provider's side of dispute 1" in shown
    assert "dispute 1: work, evidence, until" in shown

    later(scene, DAY)
    assert "is not drawn yet" in shell.refuses("dispute", "vote", "1", "--units", "400000")
    anyone = sender(scene, 7)
    later(scene, RULING // 8 // 2)
    call(scene, anyone, "Jury", "fixBlock", 1, 1)
    scene.anvil.mine(5)
    call(scene, anyone, "Jury", "catchBlock", 1, 1)
    later(scene, RULING // 16 + 60)
    call(scene, anyone, "Jury", "draw", 1, 1)
    votes = tmp_path / "votes"
    folder = ("--votes", str(votes))
    assert "has no seat" in shell.run("dispute", "vote", "1", "--units", "5", account=STRANGER)["stderr"]
    assert "A vote lies between 400000 and 1000000" in shell.refuses(
        "dispute", "vote", "1", "--units", "5", *folder
    )
    assert "Nothing was sent." in shell.says(
        "dispute", "vote", "1", "--units", "900000", *folder, "--dry-run"
    )
    assert not votes.exists()
    shell.says("dispute", "vote", "1", "--units", "900000", *folder)
    changed = shell.says("dispute", "vote", "1", "--units", "400000", *folder)
    assert "instead of the one before" in changed
    assert "your seat     committed" in changed
    for place in JURORS[1:]:
        commit(scene, place, 400_000, votes)
    assert "Votes are revealed from" in shell.refuses("dispute", "reveal", "1", *folder)
    later(scene, RULING // 8 * 5 - RULING // 16 - RULING // 16)
    assert "No vote that was kept here" in shell.refuses(
        "dispute", "reveal", "1", "--votes", str(tmp_path / "none")
    )
    assert "reveal the vote for 400000 units" in shell.says("dispute", "reveal", "1", *folder)
    for place in JURORS[1:]:
        reveal(scene, place, votes)

    assert "take the arbiter's ruling on dispute 1" in shell.says("dispute", "execute", "1", account=STRANGER)
    shown = shell.says("dispute", "show", "1", account=PROVIDER)
    assert "dispute 1: work, appealable, until" in shown
    assert "ruling        400000 units stand\n" in shown
    assert "raises it" in shell.says("dispute", "appeal", "1", "--dry-run", account=PROVIDER)
    later(scene, DAY)
    assert "carry out dispute 1: 400000 units stand" in shell.says(
        "dispute", "execute", "1", account=STRANGER
    )
    assert scene.paid(number) == 240_000
    assert scene.read("Escrow", "agreementOf", number)["status"] == 2
    assert "nothing is due" in shell.refuses("dispute", "execute", "1")


def desk_of(scene: Scene) -> DisputeDesk:
    return DisputeDesk(scene.anvil.node, scene.deployment)


def commit(scene: Scene, place: int, units: int, folder: Path) -> None:
    who, desk = sender(scene, place), desk_of(scene)
    case = desk.case(1, who.address)
    salt = Votes(folder).remember(desk.seat_place(case), units)
    send_all(ops.vote(case, units, desk.vote_hash(case, units, salt)), who)


def reveal(scene: Scene, place: int, folder: Path) -> None:
    who, desk = sender(scene, place), desk_of(scene)
    case = desk.case(1, who.address)
    kept = Votes(folder).read(desk.seat_place(case))
    assert kept is not None
    send_all(ops.reveal(case, *kept, lambda units: desk.vote_hash(case, units, kept[0])), who)
