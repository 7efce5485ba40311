# ruff: noqa: N802 - the promises' ids are written B01 to B14 everywhere
"""Two kinds of money, strictly apart: B01 to B14, each promise of the protocol proven once from end to end.

What the token, its holders and its contracts do never changes what anybody is paid for work. The mechanisms have their
own tests in depth; here each promise is shown with numbers worked out by hand.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from functools import cache
from importlib import resources
from math import floor
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from tallystick.chain.contracts import artifact_names, load
from tallystick.replay.options import ReplayOptions
from tallystick.replay.terminal import Terminal
from tests.support import callgraph
from tests.support.apart import Exact, bring_dividends, etch, mocked, tally_and_rewards, token_selectors
from tests.support.bifurcation import VARIANTS, Run, differences, play
from tests.support.challenges import open_room
from tests.support.court import CAROL, DAY, HUNDRED, Bar, open_bar
from tests.support.dividends import claimable, next_week
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, SAM, deploy_escrow, open_desk
from tests.support.evm import Evm, Reverted, account, reverts
from tests.support.hall import open_hall
from tests.support.hostile import attack, guarded_calls, hostile_values
from tests.support.system import DOLLAR, TALLY, WEEK, System

ALICE, BOB = account("alice"), account("bob")
PAYEE: Final = 2  # Paula's account
R0: Final = 10 * 10**12  # TALLY-wei a µ of fees
VESTING: Final = 90 * DAY
UNITS: Final = 1_000_000
REVERTS: Final = bytes.fromhex("5f5ffd")
FEW: Final = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def checkpoint(system: System, number: int = PAYEE) -> tuple[int, int]:
    """µ of fees that count now, and TALLY-wei that they bring."""
    fees, amount = system.rewards.transact("checkpoint", [number], sender=MALLORY).result
    return int(fees), int(amount)


# B01


@pytest.mark.node
@pytest.mark.slow
def test_B01_trace__token_normal_paused_reverting_absent_and_hundredfold__stable_balances_are_byte_equal() -> (
    None
):
    """Stable payouts depend on terms, receipts and verdicts alone: the real relayer settles the project's own trace
    once with each token, and what everybody has in the currency is the same, byte for byte."""
    names = ("normal", "paused", "reverting", "absent", "x100")
    runs = {name: settled(name) for name in names}
    assert differences(list(runs.values())) == []
    assert len({run.everything for run in runs.values()}) == 1

    # By hand: request k is of customer k % 10 and provider k / 10 % 4; 0.6 µ a token, 5 % of it fees.
    units = [[0] * 4 for _ in range(10)]
    for k, row in enumerate(csv.DictReader(io.StringIO(own_trace().read_text()))):
        units[k % 10][k // 10 % 4] += int(row["ContextTokens"]) + int(row["GeneratedTokens"])
    gross = [[u * 600_000 // 1_000_000 for u in line] for line in units]
    fees = [[g * 500 // 10_000 for g in line] for line in gross]
    total, paid = sum(map(sum, fees)), sum(map(sum, gross))
    said = json.loads(runs["normal"].everything)
    earned = [sum(gross[i][j] - fees[i][j] for i in range(10)) for j in range(4)]
    assert [one["received"] for one in said["accounts"]] == [0] * 10 + earned
    assert [one["claimed"] for one in said["accounts"]] == [0] * 10 + earned
    assert [one[:2] for one in said["agreements"]] == [[g, g] for line in gross for g in line]
    assert (said["feesAccrued"], said["feesCollected"]) == (total, total)
    dividends = total - total * 2_000 // 10_000 - total * 1_000 // 10_000
    assert said["vault"] == {"received": dividends, "claimed": 0}
    assert {run.receipts for run in runs.values()} == {500}
    assert {run.paid for run in runs.values()} == {paid}

    # The token was really broken, or really there a hundredfold.
    moves = {name: run.outcomes("TestTally.transfer") for name, run in runs.items()}
    assert moves == {
        "normal": ["ok"] * 4,
        "paused": ["ok"] + ["PausedTally_Paused"] * 3,
        "reverting": ["ok", "ok", "reverted", "reverted"],
        "absent": ["no code"] * 4,
        "x100": ["ok"] * 4,
    }
    assert {name: run.outcomes("DividendVault.stake") for name, run in runs.items()} == {
        name: ["reverted"] * 2 if name == "absent" else ["ok"] * 2 for name in names
    }
    assert (runs["normal"].supply, runs["x100"].supply) == (500 * TALLY, 50_000 * TALLY)
    # What holders earn by holding depends on who could stake, and on nothing else.
    holders = [dividends * 3 // 4, dividends // 4]
    assert {name: run.dividends for name, run in runs.items()} == {
        name: [0, 0] if name == "absent" else holders for name in names
    }


def test_B01_comparison__one_micro_elsewhere_or_an_unexpected_failure__is_told() -> None:
    """The comparison itself: a µ that lies elsewhere, other dividends and a failure that has no excuse are all told."""
    first = Run(VARIANTS["normal"], payments=b'{"a":1}', everything=b'{"a":2}', dividends=[3, 1])
    same = Run(VARIANTS["paused"], payments=b'{"a":1}', everything=b'{"a":2}', dividends=[3, 1])
    assert differences([first, same]) == []
    other = Run(
        VARIANTS["x100"], payments=b'{"a":1}', everything=b'{"a":1}', dividends=[2, 1], problems=["no"]
    )
    assert differences([first, same, other]) == [
        "x100: no",
        "x100: balances (everything) are not those of normal",
        "x100: dividends [2, 1], not [3, 1]",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "There is no trace at nowhere.csv."),
        (["--variants", "normal,burning"], "There is no variant burning"),
    ],
)
def test_B01_tool__asked_for_what_it_cannot_play__says_so_and_exits_with_2(
    arguments: list[str], said: str
) -> None:
    """`make bifurcation` tells bad input (2) from balances that differ (1)."""
    tool = Path(__file__).resolve().parents[2] / "tools" / "bifurcation.py"
    done = subprocess.run(
        [sys.executable, str(tool), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, said in done.stderr) == (2, True)


def own_trace() -> Path:
    return Path(str(resources.files("tallystick.demo") / "trace.csv"))


@cache
def settled(name: str) -> Run:
    """The project's own trace under a variant, by the real relayer on a chain of its own."""
    options = ReplayOptions(
        trace=own_trace(), format="azure-llm", report=Path("unused.json"), unit_price=600_000, fee_bps=500
    )
    with Terminal(Console(file=io.StringIO())) as terminal:
        return play(options, VARIANTS[name], terminal)


# B02


@pytest.mark.parametrize("name", [name for name in callgraph.PAYMENTS if "CURRENCY" in load(name).functions])
def test_B02_currency__of_each_contract_of_the_payments__is_in_its_code_for_ever_and_not_tally(
    name: str,
) -> None:
    """The currency is immutable and is not TALLY: the same code, put where all storage is empty, still names it, so
    nothing that is ever written can change it; and no function has its name."""
    hall = open_hall()
    system = hall.system
    address = system.at.get(name) or system.at["escrow"]
    elsewhere = Evm()
    etch(elsewhere, address, system.evm.code(address))
    assert elsewhere.at(name, address).call("CURRENCY") == system.currency.address != system.token.address
    shapes = load(name).functions.values()
    assert {one.name for one in shapes if "currency" in one.name.lower()} == {"CURRENCY"}


def test_B02_currency__tally_in_its_place__cannot_be_deployed() -> None:
    """A currency has at most 6 decimals, and TALLY has 18: no Escrow, Staking, splitter or vault takes it."""
    system = open_desk().system
    tally = system.token.address
    with reverts("Escrow_UnfitCurrency", currency=tally):
        deploy_escrow(system, currency=tally)
    vault = [system.token.address, system.splitter.address, WEEK]
    with reverts("DividendVault_UnfitCurrency", currency=tally):
        system.evm.deploy("DividendVault", tally, *vault)


@pytest.mark.parametrize("name", callgraph.PAYMENTS)
def test_B02_bytecode__of_each_contract_of_the_payments__knows_no_function_of_the_token(name: str) -> None:
    """No swap, mint or burn is reachable from the payment path: no source of it imports one of the token, directly or
    not, and no instruction of it pushes the selector of a function that only the token's contracts have."""
    contract = load(name)
    assert [
        code for code in token_selectors() if callgraph.knows(contract.runtime_code, token_selectors()[code])
    ] == []
    imported = {Path(path).stem for path in callgraph.reached(contract.source)}
    assert (
        imported & {"TallyToken", "DividendVault", "SupplierRewards", "IDividendVault", "ISupplierRewards"}
        == set()
    )


def test_B02_bytecode__of_those_that_do_call_it__is_seen_to() -> None:
    """The same look finds what is there: SupplierRewards mints and stakes, the splitter collects, the Escrow's
    extension carries a permit to the currency, and every contract of its folder is looked at."""
    wanted = token_selectors()
    rewards = load("SupplierRewards")
    found = {code for code in wanted if callgraph.knows(rewards.runtime_code, wanted[code])}
    assert {"mint(address,uint256)", "stakeFor(address,uint256)", "claim(uint32[],address)"} <= found
    assert {"TallyToken", "IDividendVault"} <= {Path(path).stem for path in callgraph.reached(rewards.source)}
    assert callgraph.knows(load("DividendVault").runtime_code, wanted["stake(uint256)"])
    assert callgraph.knows(load("FeeSplitter").runtime_code, load("Escrow").function("collectFees").selector)
    permit = load("TestDollar").function("permit").selector
    holders = [name for name in callgraph.PAYMENTS if callgraph.knows(load(name).runtime_code, permit)]
    assert holders == ["EscrowExtension"]
    # PUSH2 6001 is data, not PUSH1 01: what is pushed is no instruction.
    assert list(callgraph.constants(bytes.fromhex("61600163deadbeef00"))) == [
        b"\x60\x01",
        b"\xde\xad\xbe\xef",
    ]
    known = {Path(path).stem for path in callgraph.sources()}
    deployed = {name for name in artifact_names() if load(name).source in callgraph.sources()}
    assert deployed - set(callgraph.PAYMENTS) == {
        "TallyToken",
        "DividendVault",
        "SupplierRewards",
        "Directory",
    }
    assert deployed <= known


@pytest.mark.node
@pytest.mark.slow
def test_B02_transactions__of_a_settled_trace__call_contracts_of_the_payments_alone() -> None:
    """What really ran: by the node's own traces of every transaction that opened, posted, settled, staked or claimed on
    the project's trace, none called the token, the vault, the rewards or even the fee splitter."""
    ecrecover = "0x" + "00" * 19 + "01"
    assert settled("normal").calls == {
        "Escrow.claim": ["Escrow", "TestDollar"],
        "Escrow.createAccount": ["Escrow"],
        "Escrow.deposit": ["Escrow", "TestDollar"],
        "Escrow.open": [ecrecover, "Escrow", "PolicyBook", "Staking"],
        "ReceiptLedger.post": ["PolicyBook", "ReceiptLedger", "Staking"],
        "ReceiptLedger.settle": ["Escrow", "PolicyBook", "ReceiptLedger"],
        "Staking.authoriseKey": ["Staking"],
        "Staking.register": ["Staking"],
        "Staking.stake": ["Staking", "TestDollar"],
    }


# B03


@FEW
@given(
    price=st.integers(1, 10**9),
    budget=st.integers(1, 10**9),
    bps=st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)),
    later=st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)),
    steps=st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
)
def test_B03_money__of_any_agreement__goes_to_payout_fees_and_refund_by_the_terms_of_its_opening(
    price: int, budget: int, bps: tuple[int, int], later: tuple[int, int], steps: list[int]
) -> None:
    """Terms are frozen at opening: payout + fees + refund = inflow, by the fees of that day, whatever fees the
    governor sets afterwards."""
    desk = open_desk()
    escrow, admin = desk.escrow, desk.system.admin
    escrow.transact("setFees", *bps, sender=admin)
    before = desk.free(1)
    number = desk.opened(unit_price=price, budget=budget, expiry=desk.now + 30 * DAY)
    inflow = before - desk.free(1)
    assert inflow == budget + budget * bps[1] // 10_000
    escrow.transact("setFees", *later, sender=admin)
    units = 0
    for step in steps:
        units += step
        desk.pay([(number, units)])
    escrow.transact("close", number, sender=ANN)
    desk.evm.warp_to(escrow.call("refundableAt", number))
    between = desk.free(1)
    escrow.transact("refund", number, sender=MALLORY)
    refund, fees = desk.free(1) - between, escrow.call("feeTotals")[0]
    paid = min(units * price // 1_000_000, budget)
    assert desk.received(PAYEE) == paid - paid * bps[0] // 10_000
    assert fees == paid * bps[0] // 10_000 + paid * bps[1] // 10_000
    assert desk.received(PAYEE) + fees + refund == inflow
    assert desk.locked(1) == 0


def test_B03_slash__beside_a_refund__is_accounted_apart() -> None:
    """What a slash adds is accounted apart: of 100 dollars for work that was 40 % good the payee gets 38, the fees 2,
    the customer 60; the slash of 10 dollars comes out of the pledge, 2 to the challenger, 8 to the insurance."""
    bar = open_bar()
    number, moved = overruled(bar, 400_000)
    assert (bar.desk.received(PAYEE), bar.desk.escrow.call("feeTotals")[0]) == (38 * DOLLAR, 2 * DOLLAR)
    assert moved["refunded"] == 60 * DOLLAR
    assert bar.desk.received(PAYEE) + bar.desk.escrow.call("feeTotals")[0] + moved["refunded"] == HUNDRED
    assert (moved["slashed"], moved["toVictim"], moved["toChallenger"], moved["toInsurance"]) == (
        10 * DOLLAR, 0, 2 * DOLLAR, 8 * DOLLAR,
    )  # fmt: skip
    assert bar.agreement(number)["paid"] == 40 * DOLLAR


def overruled(bar: Bar, stands: int) -> tuple[int, dict[str, Any]]:
    """A task of 100 dollars whose whole was posted, ruled to be worth `stands` units. Its number, and what moved."""
    number = bar.task()
    leaf = bar.leaf(number, UNITS)
    dispute = bar.attack(number, stands, leaf)
    bar.decide(dispute, stands)
    return number, bar.execute(dispute)


# B04


def test_B04_distributor__that_reverts__settlements_go_on_and_the_fees_wait() -> None:
    """A broken token side cannot stop a settlement: with splitter, vault, rewards and token all reverting, work is
    opened, paid and claimed; its fees wait in the Escrow and are split once the splitter is mended."""
    desk = open_desk(evm=Evm())
    system, evm = desk.system, desk.evm
    whole = {
        one.address: evm.code(one.address)
        for one in (system.splitter, system.vault, system.rewards, system.token)
    }
    for address in whole:
        etch(evm, address, REVERTS)
    first = desk.opened(unit_price=HUNDRED, budget=HUNDRED, expiry=desk.now + 30 * DAY)
    desk.pay([(first, UNITS)])
    desk.escrow.transact("claim", PAYEE, PAULA.address, sender=PAULA)
    assert system.balance(PAULA) == 95 * DOLLAR
    with reverts("reverted"):
        system.splitter.transact("sweep", sender=MALLORY)
    second = desk.opened(unit_price=HUNDRED, budget=HUNDRED, expiry=desk.now + 30 * DAY)
    desk.pay([(second, UNITS)])
    assert desk.escrow.call("feeTotals") == (10 * DOLLAR, 0)
    assert desk.received(PAYEE) == 190 * DOLLAR
    desk.check_solvent()

    for address, code in whole.items():
        etch(evm, address, code)
    assert system.splitter.transact("sweep", sender=MALLORY).event("FeesSplit").args == {
        "amount": 10 * DOLLAR, "dividends": 7 * DOLLAR, "insurance": 2 * DOLLAR, "treasury": DOLLAR,
    }  # fmt: skip
    assert desk.escrow.call("feeTotals") == (10 * DOLLAR, 10 * DOLLAR)
    assert system.vault.transact("pullFees", sender=MALLORY).result == 7 * DOLLAR


# B05


def test_B05_lives__of_customer_provider_and_challenger__need_no_tally_at_all() -> None:
    """No role needs TALLY: with a supply of 0 people join, stake, open, are paid, dispute, appeal, are slashed, claim,
    leave, and nobody holds or approves a single TALLY-wei meanwhile."""
    bar = open_bar()
    system, desk = bar.system, bar.desk
    assert system.token.call("totalSupply") == 0
    newcomer = account("newcomer")
    operator = system.register(newcomer, 1, free=2_000 * DOLLAR)
    paid = bar.task()
    bar.pay(paid, UNITS)
    # The first arbiter finds for the challenger, the second, on appeal, as well.
    number = bar.task()
    dispute = bar.attack(number, 0, bar.leaf(number, UNITS))
    bar.expire(dispute)
    bar.rule(dispute, 0)
    bar.appeal(dispute, bar.court.call("appealBondOf", dispute)[0], by=OTTO)
    bar.rule(dispute, 0, round_=2)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"], moved["slashed"]) == (0, HUNDRED, 10 * DOLLAR)

    desk.escrow.transact("claim", PAYEE, PAULA.address, sender=PAULA)
    assert system.balance(PAULA) == 95 * DOLLAR
    bar.court.transact("claimCredit", CAROL.address, sender=CAROL)
    # Her bond of 50 came back, with a fifth of the slash and her part of Otto's bond of the appeal: of 100, 55 are the
    # second arbiter's, and 60 % of the rest hers.
    assert system.balance(CAROL) == (10_000 + 2 + 27) * DOLLAR
    desk.escrow.transact("close", paid, sender=ANN)
    bar.evm.warp_to(desk.escrow.call("refundableAt", paid))
    desk.escrow.transact("refund", paid, sender=MALLORY)
    assert (desk.free(1), desk.locked(1)) == (99_900 * DOLLAR, 0)
    desk.escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    bar.staking.transact("unstake", operator, 2_000 * DOLLAR, sender=newcomer)
    bar.evm.warp(21 * DAY)
    bar.staking.transact("withdraw", operator, newcomer.address, sender=newcomer)
    assert system.balance(newcomer) == 2_000 * DOLLAR
    assert system.token.call("totalSupply") == 0


# B06


@FEW
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("fees"), st.integers(1, 10**9), st.just(0)),
            st.tuples(st.just("stake"), st.integers(1, 10**8), st.integers(0, 1)),
            st.tuples(st.just("leave"), st.just(0), st.integers(0, 1)),
            st.tuples(st.just("claim"), st.just(0), st.integers(0, 1)),
            st.tuples(st.just("wait"), st.integers(1, 2 * WEEK), st.just(0)),
        ),
        max_size=14,
    )
)
def test_B06_dividends__after_anything__are_never_more_than_the_fees_received(
    steps: list[tuple[str, int, int]],
) -> None:
    """Dividends are paid in the stablecoin, from fees already collected: claimed + claimable + what has yet to stream
    (what is carried included) <= fees received, at every moment, and less by at most a µ a holder."""
    system, vault = mocked()
    people = (ALICE, BOB)
    for what, amount, place in steps:
        who = people[place]
        if what == "fees":
            system.accrue_fees(amount)
            vault.transact("pullFees", sender=MALLORY)
        elif what == "stake":
            system.stake_tally(who, amount * TALLY // 10**8 + TALLY)
        elif what == "leave" and (staked := vault.call("stakedOf", who.address)):
            vault.transact("unstake", staked, sender=who)
        elif what == "claim" and claimable(system, who) != [0]:
            vault.transact("claim", who.address, sender=who)
        elif what == "wait":
            system.evm.warp(amount)
        received, claimed = vault.call("totals")
        this_week, following = vault.call("stream")
        ahead = this_week - this_week * (system.evm.now % WEEK) // WEEK + following
        assert 0 <= received - (claimed + sum(claimable(system, *people)) + ahead) <= len(people)
        assert system.balance(vault) == received - claimed
        assert claimed == sum(system.balance(who) for who in people)


# B07


def test_B07_token__every_function_by_everybody__raises_no_supply() -> None:
    """TALLY is minted by its minter alone, which is SupplierRewards for ever, up to an immutable cap: no other function
    of the token, called by whomever, makes one TALLY-wei more."""
    hall = open_hall()
    system = hall.system
    evm = system.evm
    token, rewards = tally_and_rewards(system)
    assert (token.call("MINTER"), rewards.call("TOKEN")) == (rewards.address, token.address)
    shapes = [one for one in set(token.contract.functions.values()) if one.mutability not in ("view", "pure")]
    assert {one.name for one in shapes} == {"transfer", "transferFrom", "approve", "permit", "mint"}
    elsewhere = Evm()
    etch(elsewhere, token.address, evm.code(token.address))
    bare = elsewhere.at("TallyToken", token.address)
    assert (bare.call("MINTER"), bare.call("CAP")) == (rewards.address, 100_000_000 * TALLY)
    # There, where no address has code, whoever we like can call: contracts of the system, too.
    for caller in (system.admin.address, system.treasury.address, MALLORY.address, *system.at.values()):
        for shape in shapes:
            for values in hostile_values(shape, caller, (MALLORY.address,)):
                with suppress(Reverted):
                    elsewhere.transact(token.address, shape.encode(*values), sender=caller)
        with reverts("TallyToken_NotMinter", caller=caller):
            bare.transact("mint", caller, 1, sender=caller)
    assert bare.call("totalSupply") == 0
    # The minter itself stops at the cap.
    with reverts("TallyToken_CapExceeded"):
        bare.transact("mint", ALICE.address, 100_000_000 * TALLY + 1, sender=rewards.address)
    bare.transact("mint", ALICE.address, 100_000_000 * TALLY, sender=rewards.address)
    with reverts("TallyToken_CapExceeded"):
        bare.transact("mint", ALICE.address, 1, sender=rewards.address)
    # And its schedule ends below it: 2 x R0 x L.
    assert 2 * system.rewards.call("schedule")[1] * system.rewards.call("HALVING") == 100_000_000 * TALLY


def test_B07_rewards__only_for_final_undisputed_work__by_the_schedule() -> None:
    """A task of 100 dollars brings 5 dollars of fees and so, at 10e12 TALLY-wei a µ, 50 TALLY: none while its window
    runs, half after half of the vesting, all of it at the end; and nobody can have more."""
    desk = open_desk()
    system, rewards, evm = desk.system, desk.system.rewards, desk.evm
    number = desk.opened(unit_price=HUNDRED, budget=HUNDRED, expiry=desk.now + 30 * DAY)
    batch = desk.post([(number, UNITS)])
    evm.warp(DAY - 1)
    assert checkpoint(system) == (0, 0)
    evm.warp(1)
    desk.settle(batch)
    assert checkpoint(system) == (5 * DOLLAR, 5 * DOLLAR * R0) == (5_000_000, 50 * TALLY)
    assert checkpoint(system) == (0, 0)
    with reverts("SupplierRewards_NothingToClaim"):
        rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA)
    with reverts("SupplierRewards_NotOwner", account=PAYEE, caller=MALLORY.address):
        rewards.transact("claim", [PAYEE], MALLORY.address, sender=MALLORY)
    midnight = (evm.now // DAY + 1) * DAY
    evm.warp_to(midnight + VESTING // 2)
    assert rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA).result == 25 * TALLY
    evm.warp_to(midnight + VESTING + DAY)
    assert rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA).result == 25 * TALLY
    evm.warp(VESTING)
    with reverts("SupplierRewards_NothingToClaim"):
        rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA)
    assert system.token.call("totalSupply") == system.token.call("balanceOf", PAULA.address) == 50 * TALLY


# B08


def test_B08_holder__who_stakes_when_fees_arrive_and_leaves__earns_only_its_share_of_that_time() -> None:
    """Fees stream over the week after: who stakes with the fees and leaves at once earns nothing, and who is there for
    an hour of the stream, with half of all stakes, earns half of an hour. The rest is that of who stayed."""
    system, vault = mocked()
    system.stake_tally(ALICE, 100 * TALLY)
    system.stake_tally(BOB, 100 * TALLY)
    bring_dividends(system, 604_800 * 1_000)  # 1 000 µ a second, next week
    vault.transact("unstake", 100 * TALLY, sender=BOB)
    next_week(system, 1_000)
    assert claimable(system, ALICE, BOB) == [1_000_000, 0]
    system.stake_tally(BOB, 100 * TALLY)
    system.evm.warp(3_600)
    vault.transact("unstake", 100 * TALLY, sender=BOB)
    next_week(system)
    assert claimable(system, ALICE, BOB) == [604_800_000 - 1_800_000, 1_800_000]


# B09


def test_B09_admin__calls_everything_with_every_role__what_is_owed_stays_owed_and_is_paid() -> None:
    """Nobody, governance included, can take dividends or rewards already owed: an administrator without any delay calls
    every function behind a role, so that each goes through, and then every function there is with hostile arguments."""
    hall = open_hall()
    system, desk, evm = hall.system, hall.desk, hall.system.evm
    system.stake_tally(ALICE, 300 * TALLY)
    system.stake_tally(BOB, 100 * TALLY)
    number = desk.opened(policy=1, unit_price=HUNDRED, budget=HUNDRED, expiry=desk.now + 30 * DAY)
    desk.pay([(number, UNITS)], policy=1)
    assert checkpoint(system) == (5 * DOLLAR, 50 * TALLY)
    assert system.vault.transact("pullFees", sender=MALLORY).result == 3_500_000
    evm.warp_to((evm.now // DAY + 1) * DAY + VESTING)
    owed = [2_625_000, 875_000, 50 * TALLY]

    def now_owed() -> list[int]:
        return [*claimable(system, ALICE, BOB), int(system.rewards.call("claimable", PAYEE))]

    assert now_owed() == owed
    done = set()
    for bound, function, values in guarded_calls(hall):
        bound.transact(function, *values, sender=system.admin)
        assert now_owed() == owed, function
        done.add(function)
    assert done == {function for _, function in callgraph.guarded()}
    others = (system.vault.address, system.token.address, system.currency.address)
    places = {"Escrow" if name == "escrow" else name: address for name, address in system.at.items()}
    through = set()
    # Not the issuer's own contract, nor a token that anyone mints; last the one after which nobody may do anything.
    for name in [*(places.keys() - {"currency", "TestTally", "AccessManager"}), "AccessManager"]:
        if name == "AccessManager":
            for target in (system.rewards, system.splitter, system.escrow):
                system.authority.transact("setTargetClosed", target.address, True, sender=system.admin)
                system.authority.transact("updateAuthority", target.address, others[2], sender=system.admin)
        for called in attack(evm.at(name, places[name]), hall, others):
            assert now_owed() == owed, called
            through.add(called)
    assert len(through) > 30
    for who, amount in ((ALICE, owed[0]), (BOB, owed[1])):
        assert system.vault.transact("claim", who.address, sender=who).result == amount == system.balance(who)
        system.vault.transact("unstake", system.vault.call("stakedOf", who.address), sender=who)
    assert system.rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA).result == owed[2]


# B10


def test_B10_fees__while_nobody_stakes__are_carried_to_the_first_who_does() -> None:
    """What streams while nobody stakes is carried forward: fees of weeks without stakers are paid once, in full, by the
    end of the week after the first staker came."""
    system, vault = mocked()
    bring_dividends(system, 700_000)
    for _ in range(3):
        next_week(system, 1_000)
    system.stake_tally(ALICE, TALLY)
    assert claimable(system, ALICE) == [0]
    next_week(system)
    # From the second 1 000 of the week on she had all of what streamed; what had streamed before follows.
    before = 700_000 * 1_000 // WEEK
    assert claimable(system, ALICE) == [700_000 - before]
    next_week(system)
    assert claimable(system, ALICE) == [700_000]
    next_week(system)
    assert vault.transact("claim", ALICE.address, sender=ALICE).result == 700_000
    assert (system.balance(vault), vault.call("totals")) == (0, (700_000, 700_000))


# B11


@FEW
@given(
    st.lists(
        st.tuples(
            st.integers(1, 50), st.integers(1, 2 * WEEK), st.integers(0, 2), st.integers(TALLY, 3 * 10**25)
        ),
        min_size=1,
        max_size=10,
    )
)
def test_B11_shares__over_any_stakes_and_times__are_those_of_exact_fractions(
    steps: list[tuple[int, int, int, int]],
) -> None:
    """No dust is lost: with stakes up to 3e25 TALLY-wei and fees of a few µ every holder is owed the floor of its exact
    share, worked out in fractions and short of a billionth of a µ at most, and all that streams is somebody's."""
    system, vault = mocked()
    people = (ALICE, BOB, PAULA)
    exact = Exact(system.evm.now)
    for dividends, seconds, place, amount in steps:
        system.accrue_fees(dividends)
        exact.fees(int(vault.transact("pullFees", sender=MALLORY).result))
        who = people[place]
        if exact.stakes[place]:
            vault.transact("unstake", exact.stakes[place], sender=who)
            exact.stakes[place] = 0
        else:
            system.stake_tally(who, amount)
            exact.stakes[place] = amount
        exact.advance(system.evm.warp(seconds))
        for one, share in zip(people, exact.earned, strict=True):
            assert floor(share - Fraction(1, 10**9)) <= vault.call("claimable", one.address) <= floor(share)
    received = vault.call("totals")[0]
    assert sum(exact.earned) + exact.ahead() == received


# B12


def test_B12_slashes__of_a_ruling__go_to_challenger_and_insurance_and_never_to_dividends() -> None:
    """Holders must not profit from faults: a slash of 10 dollars pays the challenger 2 and the insurance 8; vault and
    splitter are what they were, to the µ, and grow by the fees of work that stands alone."""
    bar = open_bar()
    system = bar.system
    system.stake_tally(ALICE, TALLY)
    _, moved = overruled(bar, 0)
    assert (moved["slashed"], moved["toVictim"]) == (10 * DOLLAR, 0)
    assert (bar.credit(CAROL), bar.insured()) == ((50 + 2) * DOLLAR, 8 * DOLLAR)
    assert system.splitter.transact("sweep", sender=MALLORY).result == 0
    assert system.vault.transact("pullFees", sender=MALLORY).result == 0
    assert system.insurance.transact("pullSlashes", sender=MALLORY).result == 8 * DOLLAR
    bar.court.transact("claimCredit", CAROL.address, sender=CAROL)
    assert system.balance(CAROL) == 10_002 * DOLLAR
    assert system.vault.call("totals") == (0, 0)
    assert [system.balance(who) for who in (system.vault, system.splitter, system.treasury)] == [0, 0, 0]
    bar.pay(bar.task(), UNITS)
    assert system.vault.transact("pullFees", sender=MALLORY).result == 3_500_000
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE) == [3_500_000]


# B13


def test_B13_payee__barred_by_the_currency__delays_only_itself() -> None:
    """A payee blacklisted by the currency delays only itself: it is settled with the others, they and the other members
    of its split claim at once, and it claims to another address. A barred holder's dividends wait the same way."""
    desk = open_desk()
    system, escrow, dollar = desk.system, desk.escrow, desk.system.currency
    split = escrow.transact("createSplit", [PAULA.address, BOB.address], [700, 300], sender=MALLORY).result
    for who in (PAULA, ALICE):
        dollar.transact("blacklist", who.address, True, sender=system.admin)
    system.stake_tally(ALICE, TALLY)
    more = {"unit_price": HUNDRED, "budget": HUNDRED, "expiry": desk.now + 30 * DAY}
    numbers = [desk.opened(payee=payee, **more) for payee in (PAYEE, 3, split)]
    assert desk.pay([(number, UNITS) for number in numbers]).events("FigureSkipped") == []
    assert [desk.received(payee) for payee in (PAYEE, 3, split)] == [95 * DOLLAR] * 3
    escrow.transact("claim", 3, BOB.address, sender=SAM)
    members = ([PAULA.address, BOB.address], [700, 300])
    escrow.transact("claimShare", split, 1, *members, BOB.address, sender=BOB)
    assert system.balance(BOB) == 95 * DOLLAR + 28_500_000
    with reverts("TestDollar_Blacklisted", holder=PAULA.address):
        escrow.transact("claim", PAYEE, PAULA.address, sender=PAULA)
    other = account("paula's other address")
    escrow.transact("claim", PAYEE, other.address, sender=PAULA)
    escrow.transact("claimShare", split, 0, *members, other.address, sender=PAULA)
    assert system.balance(other) == 95 * DOLLAR + 66_500_000
    assert system.vault.transact("pullFees", sender=MALLORY).result == 10_500_000
    next_week(system)
    next_week(system)
    with reverts("TestDollar_Blacklisted", holder=ALICE.address):
        system.vault.transact("claim", ALICE.address, sender=ALICE)
    assert system.vault.transact("claim", BOB.address, sender=ALICE).result == 10_500_000


# B14


def test_B14_dispute__in_the_last_second_of_the_window__what_is_overturned_mints_nothing_ever() -> None:
    """Work overturned inside its window mints nothing: disputed in the last second and ruled worthless, it brings no
    fees, whenever anybody asks, and there is never anything to claim."""
    bar = open_bar()
    number = bar.task()
    leaf = bar.leaf(number, UNITS)
    bar.evm.warp(DAY - 1)
    dispute = bar.attack(number, 0, leaf)
    assert checkpoint(bar.system) == (0, 0)
    bar.evm.warp(1)
    assert bar.ledger.transact("settle", leaf[0], leaf[2], sender=MALLORY).events("Settled") == []
    assert checkpoint(bar.system) == (0, 0)
    bar.decide(dispute, 0)
    bar.execute(dispute)
    assert bar.agreement(number)["paid"] == 0
    never_minted(bar.system)


def test_B14_leaf__challenged_in_the_last_second_and_not_answered__mints_nothing_ever() -> None:
    """The same for a leaf that nobody can back: challenged in the last second, void, and never paid."""
    room = open_room()
    batch = room.posted(1)
    room.evm.warp(DAY - 1)
    room.challenge(batch, 0)
    assert checkpoint(room.system) == (0, 0)
    room.evm.warp(1)
    room.settle(batch)
    assert checkpoint(room.system) == (0, 0)
    room.evm.warp_to(room.ends_at(batch, 0) + 1)
    room.void(batch, 0)
    room.settle(batch)
    assert room.received(PAYEE) == 0
    never_minted(room.system)


def test_B14_work__overturned_after_it_was_final__is_forfeited_before_it_has_vested() -> None:
    """Ruled bad later, while its reward vests, the reward of what was overturned is forfeited and never minted."""
    bar = open_bar()
    number = bar.task()
    leaf = bar.pay(number, UNITS)
    assert checkpoint(bar.system) == (5 * DOLLAR, 50 * TALLY)
    dispute = bar.attack(number, 0, leaf)
    bar.decide(dispute, 0)
    bar.execute(dispute)
    bar.system.rewards.transact("checkpoint", [PAYEE], sender=MALLORY)
    assert bar.system.rewards.call("totals") == (50 * TALLY, 50 * TALLY, 0)
    never_minted(bar.system)


def never_minted(system: System) -> None:
    """Now, and when everything would have vested: nothing counts, nothing can be claimed, there is no TALLY."""
    for _ in range(2):
        assert checkpoint(system) == (0, 0)
        with reverts("SupplierRewards_NothingToClaim"):
            system.rewards.transact("claim", [PAYEE], PAULA.address, sender=PAULA)
        system.evm.warp(VESTING + 2 * DAY)
    assert system.rewards.call("claimable", PAYEE) == 0
    assert system.token.call("totalSupply") == 0
