"""Jurors: who may be one, from when its weight counts, and how it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.escrow import DAY, MALLORY, OTTO
from tests.support.evm import account, reverts
from tests.support.jury import MIN_DEPOSIT, PENALTY, Bench, jury_parameters, open_bench
from tests.support.system import DOLLAR, Role

IRIS, JACK = account("iris"), account("jack")


def test_deposit__an_active_verifiers_owner__is_enlisted_and_counts_from_tomorrow() -> None:
    bench = open_bench()
    operator = bench.enlist(IRIS, 700 * DOLLAR)
    assert bench.juror(IRIS) == {
        "leaf": 1, "operator": operator, "deposit": 700 * DOLLAR, "seats": 0, "leavesAt": 0,
    }  # fmt: skip
    assert bench.jury.call("jurorAt", 1) == IRIS.address
    assert bench.jury.call("weights", IRIS.address) == (0, 0)
    bench.evm.warp_to(bench.now // DAY * DAY + DAY - 1)
    assert bench.jury.call("weights", IRIS.address) == (0, 0)
    bench.evm.warp(1)
    assert bench.jury.call("weights", IRIS.address) == (700 * DOLLAR, 700 * DOLLAR)
    assert bench.jury.call("totalBonds") == 700 * DOLLAR


def test_deposit__more_of_it__counts_from_tomorrow_and_today_is_as_it_was() -> None:
    bench = open_bench()
    operator = bench.enlist(IRIS, 700 * DOLLAR)
    bench.enlist(JACK, 500 * DOLLAR)
    bench.evm.warp(DAY)
    bench.desk.system.mint(IRIS, 300 * DOLLAR)
    receipt = bench.jury.transact("deposit", operator, 300 * DOLLAR, sender=IRIS)
    assert receipt.event("Deposited").args == {
        "juror": IRIS.address, "operator": operator, "amount": 300 * DOLLAR, "deposit": 1_000 * DOLLAR,
    }  # fmt: skip
    assert bench.jury.call("weights", IRIS.address) == (1_200 * DOLLAR, 700 * DOLLAR)
    bench.evm.warp(DAY)
    assert bench.jury.call("weights", IRIS.address) == (1_500 * DOLLAR, 1_000 * DOLLAR)
    assert bench.jury.call("jurorCount") == 2


@pytest.mark.parametrize("amount", [MIN_DEPOSIT - 1, 20_000 * DOLLAR + 1])
def test_deposit__outside_the_bounds__is_refused(amount: int) -> None:
    bench = open_bench()
    operator = bench.verifier(IRIS)
    bench.desk.system.mint(IRIS, amount)
    with reverts("Jury_DepositOutOfRange", deposit=amount, least=500 * DOLLAR, most=20_000 * DOLLAR):
        bench.jury.transact("deposit", operator, amount, sender=IRIS)


def test_deposit__two_verifiers_of_one_owner__are_one_juror_with_one_deposit() -> None:
    bench = open_bench()
    bench.enlist(IRIS, 600 * DOLLAR)
    second = bench.verifier(IRIS)
    bench.desk.system.mint(IRIS, 20_000 * DOLLAR)
    with reverts("Jury_DepositOutOfRange", deposit=20_600 * DOLLAR):
        bench.jury.transact("deposit", second, 20_000 * DOLLAR, sender=IRIS)
    bench.jury.transact("deposit", second, 600 * DOLLAR, sender=IRIS)
    assert bench.jury.call("jurorCount") == 1
    assert bench.juror(IRIS)["operator"] == second
    assert bench.juror(IRIS)["deposit"] == 1_200 * DOLLAR


def test_deposit__nothing__is_refused() -> None:
    bench = open_bench()
    with reverts("Jury_ZeroAmount"):
        bench.jury.transact("deposit", bench.verifier(IRIS), 0, sender=IRIS)


def test_deposit__who_is_no_verifier_or_names_anothers__is_refused() -> None:
    bench = open_bench()
    other = bench.verifier(JACK)
    idle = bench.desk.system.register(IRIS, Role.VERIFIER, free=2_000 * DOLLAR - 1)
    for operator, sender in ((other, IRIS), (idle, IRIS), (1, OTTO), (99, IRIS)):
        with reverts("Jury_NotVerifier", operator=operator, caller=sender.address):
            bench.jury.transact("deposit", operator, MIN_DEPOSIT, sender=sender)


def test_resign__then_withdraw__gives_the_whole_deposit_after_the_delay() -> None:
    bench = open_bench(1)
    juror = bench.jurors[0]
    left = bench.now + 7 * DAY
    receipt = bench.jury.transact("resign", sender=juror)
    assert receipt.event("Leaving").args["leavesAt"] == left
    assert receipt.event("Weighed").args == {"juror": juror.address, "weight": 0}
    assert bench.jury.call("weights", juror.address) == (1_000 * DOLLAR, 1_000 * DOLLAR)
    bench.evm.warp(DAY)
    assert bench.jury.call("weights", juror.address) == (0, 0)
    bench.evm.warp_to(left - 1)
    with reverts("Jury_CannotLeaveYet", juror=juror.address, leavesAt=left, seats=0):
        bench.jury.transact("withdraw", sender=juror)
    bench.evm.warp(1)
    assert bench.jury.transact("withdraw", sender=juror).result == 1_000 * DOLLAR
    assert bench.credit(juror) == 1_000 * DOLLAR
    assert bench.jury.call("totalBonds") == 0
    bench.jury.transact("claimCredit", JACK.address, sender=juror)
    assert bench.desk.system.balance(JACK) == 1_000 * DOLLAR
    assert bench.desk.system.balance(bench.jury) == 0


def test_withdraw__without_resigning_or_twice__is_refused() -> None:
    bench = open_bench(1)
    juror = bench.jurors[0]
    with reverts("Jury_CannotLeaveYet", leavesAt=0):
        bench.jury.transact("withdraw", sender=juror)
    bench.jury.transact("resign", sender=juror)
    bench.evm.warp(7 * DAY)
    bench.jury.transact("withdraw", sender=juror)
    with reverts("Jury_CannotLeaveYet", leavesAt=0):
        bench.jury.transact("withdraw", sender=juror)


def test_resign__twice_or_with_nothing__is_refused_and_who_leaves_cannot_deposit() -> None:
    bench = open_bench(1)
    juror = bench.jurors[0]
    with reverts("Jury_NoDeposit", juror=MALLORY.address):
        bench.jury.transact("resign", sender=MALLORY)
    bench.jury.transact("resign", sender=juror)
    with reverts("Jury_AlreadyLeaving", juror=juror.address):
        bench.jury.transact("resign", sender=juror)
    operator = bench.juror(juror)["operator"]
    with reverts("Jury_AlreadyLeaving", juror=juror.address):
        bench.jury.transact("deposit", operator, MIN_DEPOSIT, sender=juror)


def test_deposit__again_after_leaving__takes_the_same_leaf() -> None:
    bench = open_bench(2)
    juror = bench.jurors[0]
    bench.jury.transact("resign", sender=juror)
    bench.evm.warp(7 * DAY)
    bench.jury.transact("withdraw", sender=juror)
    bench.desk.system.mint(juror, 900 * DOLLAR)
    bench.jury.transact("deposit", bench.juror(juror)["operator"], 900 * DOLLAR, sender=juror)
    bench.evm.warp(DAY)
    assert bench.juror(juror)["leaf"] == 1
    assert bench.jury.call("jurorCount") == 2
    assert bench.jury.call("weights", juror.address) == (1_900 * DOLLAR, 900 * DOLLAR)


def test_withdraw__drawn_after_resigning__waits_for_the_panel() -> None:
    """The weights of a draw are of its day, so who resigned on it can still be drawn; its deposit answers."""
    bench = open_bench(5)
    bench.evm.warp_to(bench.now // DAY * DAY + DAY)
    juror = bench.jurors[0]
    bench.jury.transact("resign", sender=juror)
    bench.dispute()
    assert juror in bench.draw()
    bench.evm.warp(7 * DAY)
    with reverts("Jury_CannotLeaveYet", seats=1):
        bench.jury.transact("withdraw", sender=juror)
    bench.settle()
    assert bench.jury.transact("withdraw", sender=juror).result == 1_000 * DOLLAR - PENALTY


def test_reweigh__who_is_no_verifier_any_more__has_no_weight_until_it_is_one_again() -> None:
    bench = open_bench(2)
    juror = bench.jurors[0]
    operator = bench.juror(juror)["operator"]
    staking = bench.desk.system.staking
    staking.transact("unstake", operator, 1, sender=juror)
    assert bench.jury.transact("reweigh", juror.address, sender=MALLORY).result == 0
    assert bench.jury.call("weights", juror.address) == (2_000 * DOLLAR, 1_000 * DOLLAR)
    bench.evm.warp(DAY)
    assert bench.jury.call("weights", juror.address) == (1_000 * DOLLAR, 0)
    staking.transact("cancelThaw", operator, sender=juror)
    receipt = bench.jury.transact("reweigh", juror.address, sender=MALLORY)
    assert receipt.event("Weighed").args == {"juror": juror.address, "weight": 1_000 * DOLLAR}
    bench.evm.warp(DAY)
    assert bench.jury.call("weights", juror.address) == (2_000 * DOLLAR, 1_000 * DOLLAR)


def test_reweigh__who_was_never_a_juror__is_refused() -> None:
    with reverts("Jury_NoDeposit", juror=MALLORY.address):
        open_bench().jury.transact("reweigh", MALLORY.address, sender=MALLORY)


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        ({"penalty": 0}, "Jury_BadParameters", "penalty"),
        ({"minDeposit": PENALTY - 1}, "Jury_BadParameters", "minDeposit"),
        ({"maxDeposit": MIN_DEPOSIT - 1}, "Jury_BadParameters", "maxDeposit"),
        ({"drawBond": 0}, "Jury_BadParameters", "drawBond"),
        ({"exitDelay": 2 * DAY - 1}, "Jury_BadParameters", "exitDelay"),
        ({"exitDelay": 60 * DAY + 1}, "Jury_BadParameters", "exitDelay"),
        ({"staking": "0x" + "00" * 20}, "BondBook_ZeroAddress", None),
        ({"court": "0x" + "00" * 20}, "BondBook_ZeroAddress", None),
        ({"currency": MALLORY.address}, "BondBook_UnfitCurrency", None),
    ],
)
def test_constructor__parameters_that_do_not_fit__are_refused(
    change: dict[str, Any], error: str, what: str | None
) -> None:
    bench = open_bench()
    common = {"court": bench.court.address, "policyBook": bench.desk.system.policy_book.address}
    wanted = {} if what is None else {"what": what.encode().ljust(32, b"\0")}
    with reverts(error, **wanted):
        bench.evm.deploy("Jury", tuple(jury_parameters(bench.desk, **(common | change)).values()))


def test_constructor__what_it_was_built_with__can_be_read() -> None:
    bench: Bench = open_bench()
    read = [
        bench.jury.call(name)
        for name in ("MIN_DEPOSIT", "MAX_DEPOSIT", "PENALTY", "DRAW_BOND", "EXIT_DELAY", "COURT", "STAKING")
    ]
    assert read == [
        500_000_000, 20_000_000_000, 25_000_000, 50_000_000, 604_800,
        bench.court.address, bench.desk.system.staking.address,
    ]  # fmt: skip
