"""`ape run dividends` and `ape run rewards`: holders and suppliers as they type, with their statements, on a real
Anvil.

By hand: 80 000 000 units at 600 000 µ a million are 48 tUSD, the provider's fee of 5 % is 2.4 tUSD. 70 % of it are
dividends, 1.68 tUSD: of 300 and 100 TALLY the first earns 1.26, the second 0.42. 2.4 tUSD bring 2 400 000 x 1e13
TALLY-wei = 24 TALLY, over 90 days; another 0.48 tUSD for a split of 3 : 1 bring 4.8.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.relayer.scene import POLICY, RELAYER, Scene, open_agreements, staged
from tests.scripts.test_scripts import Ape, Shell

from tallystick.chain.abi import checksum
from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.contracts import load
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.eip712 import BatchHeader, batch_number
from tallystick.protocol.figures import encode_figures

pytestmark = [pytest.mark.node, pytest.mark.slow]

DAY, WEEK = 86_400, 604_800
TALLY = 10**18
ELSEWHERE = "0x" + "5a" * 20
SUPPLIER, HOLDER, FRIEND, MEMBER, STRANGER = (f"TEST::{place}" for place in (0, 1, 2, 3, 7))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with staged(tmp_path_factory.mktemp("token"), agreements=1) as scene:
        yield scene


@pytest.fixture(scope="module")
def shell(scene: Scene) -> Iterator[Shell]:
    ape = Ape()
    yield Shell(ape, f"ethereum:local:{scene.anvil.url}", scene.folder / "deployments")
    ape.stop()


def address(account: str) -> str:
    return KeySigner.from_hex(DEV_KEYS[int(account[-1])]).address


def vault(scene: Scene, function: str, *values: Any) -> Any:
    return scene.read("DividendVault", function, *values)


def settle(scene: Scene, number: int, units: int) -> None:
    """The relayer's key posts a figure, and settles it when its window is over."""
    who = KeySender(scene.anvil.node, scene.relayer)
    nonce = scene.read("ReceiptLedger", "nextNonce", POLICY, RELAYER)
    header = BatchHeader(POLICY, 10**9, nonce, scene.anvil.node.timestamp() + 600)
    figures = encode_figures([(number, units)])
    ledger = scene.address("ReceiptLedger")
    who.send(
        ledger, load("ReceiptLedger").encode("post", tuple(header), figures, units.to_bytes(32, "big"), [])
    )
    scene.anvil.increase_time(601)
    who.send(ledger, load("ReceiptLedger").encode("settle", batch_number(POLICY, RELAYER, nonce), figures))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def total(rows: list[dict[str, str]], kind: str) -> int:
    return sum(int(row["amount"]) for row in rows if row["kind"] == kind)


def refused(shell: Shell, account: str, *arguments: str) -> str:
    done = shell.run(*arguments, account=account)
    assert done["code"] == 1, done
    assert "Traceback" not in done["stderr"]
    return str(done["stderr"])


def test_dividends__from_the_faucet_to_the_statement(scene: Scene, shell: Shell, tmp_path: Path) -> None:
    anvil, holder, friend = scene.anvil, address(HOLDER), address(FRIEND)

    assert "not_enough_tally" in shell.refuses("dividends", "stake", "300 TALLY")
    assert "Will mint 400 TALLY" in shell.says("dividends", "faucet", "400 TALLY")
    assert "is not a unit known here" in shell.refuses("dividends", "stake", "5 beans")
    assert "must be above zero" in shell.refuses("dividends", "stake", "0")
    assert "0.5 TALLY would be staked" in shell.refuses("dividends", "stake", "0.5 TALLY")
    assert "has 400 TALLY, but 401 TALLY are wanted" in shell.refuses("dividends", "stake", "401 TALLY")
    block = anvil.node.block_number()
    assert "Nothing was sent." in shell.says("dividends", "stake", "300 TALLY", "--dry-run")
    assert anvil.node.block_number() == block
    staked = shell.says("dividends", "stake", "300 TALLY")
    assert "Will allow the dividend vault to take 300 TALLY." in staked
    assert "Will stake 300 TALLY: 300 TALLY earn then; leaving takes 7 days." in staked
    assert "The wallet has 100 TALLY, after 400 TALLY." in staked
    given = shell.says("dividends", "stake", "100 TALLY", "--for", friend)
    assert f"for {friend}, to whom they belong from then on" in given
    assert vault(scene, "stakedOf", friend) == 100 * TALLY

    assert "No fees wait" in shell.refuses("dividends", "pull-fees")
    settle(scene, scene.agreements[0], 80_000_000)
    assert "nothing has streamed to its stake yet" in shell.refuses("dividends", "claim")
    assert "pull 1.68 tUSD of fees" in shell.says("dividends", "pull-fees", account=STRANGER)
    starts = (anvil.node.timestamp() // WEEK + 1) * WEEK
    anvil.warp(starts + WEEK // 2)
    shown = shell.says("dividends", "show")
    assert "  this week     1.68 tUSD, until" in shown
    assert "300 TALLY (75.0000 % of all that earns)" in shown
    assert "  this week     1.26 tUSD of the whole week's stream" in shown
    anvil.warp(starts + WEEK)

    paid = shell.says("dividends", "claim", "--to", ELSEWHERE)
    assert f"claim 1.26 tUSD to {checksum(ELSEWHERE)}" in paid
    assert scene.read("TestDollar", "balanceOf", ELSEWHERE) == 1_260_000
    assert "all of the 1.26 tUSD earned so far was claimed" in shell.refuses("dividends", "claim")
    assert "must be an address" in shell.refuses("dividends", "claim", "--to", "0x5a")

    assert (
        "nobody is sent anything"
        in refused(shell, STRANGER, "dividends", "claim-for", friend, ELSEWHERE).lower()
    )
    assert "sent to 0x" in shell.says("dividends", "payout", ELSEWHERE, account=FRIEND)
    assert "already" in refused(shell, FRIEND, "dividends", "payout", ELSEWHERE)
    several = shell.says("dividends", "claim-for", holder, friend, account=STRANGER)
    assert f"{holder} is left out: it has set no payout address." in several
    assert f"Sent 0.42 tUSD of {friend} to" in several
    assert scene.read("TestDollar", "balanceOf", ELSEWHERE) == 1_680_000
    assert "nobody but" in shell.says("dividends", "payout", "none", account=FRIEND)

    assert "0.5 TALLY would stay staked" in shell.refuses("dividends", "unstake", "299.5 TALLY")
    assert "but 301 TALLY are wanted" in shell.refuses("dividends", "unstake", "301 TALLY")
    assert "nothing_leaves" in shell.refuses("dividends", "withdraw")
    assert "can be withdrawn from" in shell.says("dividends", "unstake", "100 TALLY")
    assert "are locked until" in shell.refuses("dividends", "withdraw")
    anvil.increase_time(WEEK)
    assert "withdraw 100 TALLY" in shell.says("dividends", "withdraw", "--to", ELSEWHERE)
    assert "stop 200 TALLY earning" in shell.says("dividends", "unstake", "all", "--dry-run")

    out = tmp_path / "deep" / "holder.csv"
    assert f"The statement is {out}" in shell.says("dividends", "statement", "--out", str(out))
    rows = rows_of(out.read_text())
    last, end = rows[-1], anvil.node.block_number()
    assert [row["kind"] for row in rows] == [
        "staked", "fees-received", "earned", "claimed", "exit-started", "withdrawn"
    ]  # fmt: skip
    assert int(last["staked"]) == vault(scene, "stakedOf", holder) == total(rows, "staked") - 100 * TALLY
    assert int(last["leaving"]) == vault(scene, "exitingOf", holder)[0] == 0
    assert [int(last["earned"]), int(last["claimed"])] == list(vault(scene, "lifetimeOf", holder))
    assert total(rows, "earned") == total(rows, "claimed") == 1_260_000
    assert total(rows, "exit-started") == total(rows, "withdrawn") == 100 * TALLY
    assert (rows[3]["to"], rows[3]["unit"], rows[0]["unit"]) == (
        checksum(ELSEWHERE),
        "micro",
        "tally-wei",
    )
    assert int(last["block"]) == end
    assert rows[2]["time"].endswith("T00:00:00Z")
    assert (
        shell.says("dividends", "statement", friend, "--out", "-").splitlines()[0].startswith("time,block,")
    )
    late = shell.says("dividends", "statement", "--out", "-", "--from", rows[-1]["time"][:10])
    assert [row["kind"] for row in rows_of(late)] == ["withdrawn"]
    assert "takes a day like" in shell.refuses("dividends", "statement", "--out", "-", "--from", "31.12.2026")


def test_rewards__from_the_checkpoint_to_the_statement(scene: Scene, shell: Shell, tmp_path: Path) -> None:
    anvil, supplier, member = scene.anvil, address(SUPPLIER), address(MEMBER)
    sender = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[0]))
    data = load("Escrow").encode("createSplit", [supplier, member], [1, 3])
    sender.send(scene.address("Escrow"), data)
    (agreement,) = open_agreements(scene, sender, 1, first_nonce=50, payee=3)
    settle(scene, agreement, 16_000_000)

    assert "There is no account 9" in shell.refuses("rewards", "checkpoint", "9")
    assert "Say which accounts" in shell.refuses("rewards", "checkpoint")
    assert "no fees of it have counted yet" in refused(shell, SUPPLIER, "rewards", "claim")
    block = anvil.node.block_number()
    assert "Would count 2.4 tUSD of fees of account 2." in shell.says(
        "rewards", "checkpoint", "2", "--dry-run"
    )
    assert anvil.node.block_number() == block
    done = shell.says("rewards", "checkpoint", "--all", account=STRANGER)
    assert "Will count 2.88 tUSD of fees of accounts 2, 3." in done
    assert "Account 2: 2.4 tUSD of fees count and bring 24 TALLY, which vest from" in done
    assert "Account 3: 0.48 tUSD of fees count and bring 4.8 TALLY" in done
    assert "wait to be counted" in shell.refuses("rewards", "checkpoint", "1", "2")
    assert "begin to vest at the midnight" in refused(shell, SUPPLIER, "rewards", "claim")

    midnight = (anvil.node.timestamp() // DAY + 1) * DAY
    anvil.warp(midnight + 9 * DAY)
    shown = shell.says("rewards", "show", supplier)
    assert "10 TALLY for 1 tUSD of fees (it began at 10 TALLY)" in shown
    assert "2.88 tUSD counted; the rate halves after 4,999,997.12 tUSD more" in shown
    assert "  credited      24 TALLY\n  vested        2.4 TALLY\n" in shown
    assert "member 0 of account 3, weight 1 of 4" in shown
    assert "0.12 TALLY claimable, 0 TALLY claimed, ever" in shown
    assert "has no account in Escrow" in refused(shell, STRANGER, "rewards", "claim")
    assert "does not belong" in refused(shell, SUPPLIER, "rewards", "claim", "--escrow-account", "3")

    claimed = shell.says("rewards", "claim", "--to", ELSEWHERE, account=SUPPLIER)
    assert "Account 2: 2.4" in claimed
    first = scene.read("TestTally", "balanceOf", ELSEWHERE) - 100 * TALLY  # those that left the vault
    assert 2_400_000_000_000_000_000 <= first < 2_401_000_000_000_000_000
    assert "2.40000" in refused(shell, SUPPLIER, "rewards", "claim", "--stake")
    anvil.warp(midnight + 18 * DAY)
    assert "were staked in the dividend vault" in shell.says("rewards", "claim", "--stake", account=SUPPLIER)
    whole = first + vault(scene, "stakedOf", supplier)
    assert 4_800_000_000_000_000_000 <= whole < 4_801_000_000_000_000_000

    assert "is a member of no split" in refused(shell, STRANGER, "rewards", "claim-share")
    wrong = ("--escrow-account", "3", "--index", "1", "--members", f"{supplier},{member}", "--weights")
    assert "wrong_split" in refused(shell, MEMBER, "rewards", "claim-share", *wrong, "1,2")
    assert "whole numbers" in refused(shell, MEMBER, "rewards", "claim-share", *wrong, "1,x")
    share = shell.says("rewards", "claim-share", *wrong, "1,3", account=MEMBER)
    assert "the share of member 1 of account 3" in share
    assert "The wallet has 0.7" in share
    got = scene.read("TestTally", "balanceOf", member)
    assert 720_000_000_000_000_000 <= got < 721_000_000_000_000_000
    assert "the share of member 0 of account 3" in shell.says("rewards", "claim-share", account=SUPPLIER)

    anvil.warp(midnight + 30 * DAY)
    out = tmp_path / "supplier.csv"
    shell.says("rewards", "statement", supplier, "--out", str(out))
    rows = rows_of(out.read_text())
    for number, amount in (("2", 24 * TALLY), ("3", 4_800_000_000_000_000_000)):
        of = [row for row in rows if row["account"] == number]
        fees, waiting, credited, vested, paid = scene.read("SupplierRewards", "lifetimeOf", int(number))
        assert [int(of[-1][name]) for name in ("fees", "credited", "vested", "claimed")] == [
            fees, credited, vested, paid
        ]  # fmt: skip
        assert (waiting, credited, vested) == (0, amount, amount // 3)
        assert total(of, "vested") == vested
        assert total(of, "credited") == credited
        assert total(of, "claimed") + total(of, "share-claimed") == paid
    shares = {row["member"]: int(row["amount"]) for row in rows if row["kind"] == "share-claimed"}
    assert shares == {str(one): scene.read("SupplierRewards", "shareClaimed", 3, one) for one in (0, 1)}
    only = rows_of(shell.says("rewards", "statement", "--escrow-account", "2", "--out", "-"))
    assert only == [row for row in rows if row["account"] == "2"]
