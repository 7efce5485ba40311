"""Arbiters, and appeals: who rules when, what an arbiter cannot do, who funds an appeal, and where each
bond ends."""

from __future__ import annotations

import pytest

from tests.support.court import (
    APPEAL_FEE,
    ARBITER_FEE,
    BOND,
    CAROL,
    DAY,
    FIRST_ONLY,
    FRED,
    FREE,
    HUNDRED,
    PLEDGE,
    QUORUM,
    REJECTED,
    SECOND_ONLY,
    SILENT,
    UPHELD,
    Bar,
    State,
    open_bar,
    seat,
)
from tests.support.escrow import ANN, MALLORY, OTTO, SAM
from tests.support.evm import account, reverts
from tests.support.system import DOLLAR

HONEST, REVERTING, BURNING, SHORT, HUGE, LONG = range(6)


def disputed(bar: Bar, policy: int = 1, *, units: int = 700_000, claimed: int = 300_000) -> tuple[int, int]:
    """A task and Carol's dispute about its one leaf, evidence closed."""
    task = bar.task(policy)
    dispute = bar.attack(task, claimed, bar.leaf(task, units))
    bar.expire(dispute)
    return task, dispute


def first_ruled(bar: Bar, units: int, **how: int) -> tuple[int, int]:
    task, dispute = disputed(bar, **how)
    bar.rule(dispute, units)
    return task, dispute


# Who rules


def test_rule__by_the_first_arbiter__can_be_appealed_for_a_day() -> None:
    bar = open_bar()
    _, dispute = disputed(bar)
    receipt = bar.rule(dispute, 300_000)
    assert receipt.event("Ruled").args == {
        "dispute": dispute,
        "round": 1,
        "arbiter": bar.first.address,
        "units": 300_000,
        "appealEnds": bar.now + DAY,
    }
    view = bar.view(dispute)
    assert (view["state"], view["ruling"], view["outcome"]) == (State.APPEALABLE, 300_000, 0)
    bar.evm.warp(DAY - 1)
    assert bar.view(dispute)["state"] == State.APPEALABLE
    bar.evm.warp(1)
    view = bar.view(dispute)
    assert (view["state"], view["outcome"]) == (State.RULED, UPHELD)


def test_rule__before_the_evidence_closes_or_undecided__is_refused() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    bar.say(dispute, 0)
    with reverts("Court_WrongState", dispute=dispute, state=State.EVIDENCE):
        bar.court.transact("rule", dispute, sender=CAROL)
    _, undecided = disputed(bar)
    with reverts("Court_NotRuledYet", dispute=undecided):
        bar.court.transact("rule", undecided, sender=CAROL)


def test_rule__by_the_second_when_the_first_is_silent__is_final() -> None:
    """Its fee is the first's: 25."""
    bar = open_bar()
    _, dispute = disputed(bar)
    bar.evm.warp(2 * DAY)
    view = bar.view(dispute)
    assert (view["state"], view["round"], view["rulingStart"]) == (State.SECOND, 2, bar.now)
    bar.say(dispute, 700_000, 1)  # too late
    receipt = bar.rule(dispute, 0, 2)
    assert receipt.event("Ruled").args["appealEnds"] == 0
    assert bar.execute(dispute)["fee"] == ARBITER_FEE
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (0, ARBITER_FEE)
    assert [bar.court.call("feeOf", dispute, n) for n in (1, 2)] == [0, ARBITER_FEE]


def test_rule__under_a_policy_with_one_arbiter() -> None:
    bar = open_bar()
    _, dispute = disputed(bar, FIRST_ONLY)
    assert bar.rule(dispute, 0).event("Ruled").args["appealEnds"] == 0
    assert bar.view(dispute)["state"] == State.RULED
    bar.execute(dispute)
    _, second = disputed(bar, SECOND_ONLY)
    assert bar.view(second)["state"] == State.SECOND
    assert bar.rule(second, 0, 2).event("Ruled").args["round"] == 2
    assert bar.execute(second)["fee"] == ARBITER_FEE


@pytest.mark.parametrize("mode", [REVERTING, BURNING, SHORT, HUGE])
def test_arbiter__that_misbehaves__is_silent_and_the_second_rules(mode: int) -> None:
    bar = open_bar()
    _, dispute = disputed(bar)
    bar.say(dispute, 300_000)
    bar.first.transact("setMode", mode, sender=MALLORY)
    with reverts("Court_NotRuledYet", dispute=dispute):
        bar.court.transact("rule", dispute, sender=CAROL)
    bar.evm.warp(2 * DAY)
    bar.rule(dispute, 300_000, 2)
    assert bar.view(dispute)["outcome"] == UPHELD


def test_arbiter__that_returns_too_much__only_its_first_word_is_copied() -> None:
    bar = open_bar()
    _, dispute = disputed(bar)
    bar.first.transact("setMode", LONG, sender=MALLORY)
    assert bar.rule(dispute, 300_000).event("Ruled").args["units"] == 300_000


def test_arbiter__that_is_no_contract__is_silent() -> None:
    from tests.support.system import dispute_terms

    bar = open_bar()
    policy = bar.system.add_policy(relayer=2, dispute=dispute_terms(arbiter=SAM.address))
    _, dispute = disputed(bar, policy)
    with reverts("Court_NotRuledYet", dispute=dispute):
        bar.court.transact("rule", dispute, sender=SAM)


# Appeals


def test_appeal__by_the_provider__that_turns_the_ruling__returns_its_bond() -> None:
    """First: 300 000. Second: all 700 000. Carol's bond of 50 goes to the fees, 25 and 25 of 55; nothing
    is left of it."""
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    assert bar.court.call("appealBondOf", dispute) == (2 * BOND, 0)
    receipt = bar.appeal(dispute, 5_000 * DOLLAR, OTTO)
    assert receipt.event("AppealFunded").args == {
        "dispute": dispute,
        "by": OTTO.address,
        "forChallenger": False,
        "amount": 2 * BOND,
        "missing": 0,
    }
    assert receipt.event("Appealed").args == {"dispute": dispute, "forChallenger": False}
    assert bar.system.balance(OTTO) == 10_000 * DOLLAR - 2 * BOND
    view = bar.view(dispute)
    assert (view["state"], view["round"], view["appealed"]) == (State.SECOND, 2, True)
    assert (view["rulingStart"], view["deadline"]) == (bar.now, bar.now + 2 * DAY)
    bar.rule(dispute, 700_000, 2)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["fee"]) == (REJECTED, 70 * DOLLAR, 0)
    assert (bar.credit(OTTO), bar.credit(CAROL), bar.credit("JackpotPool")) == (2 * BOND, 0, 0)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, BOND - ARBITER_FEE)
    bar.settled()


def test_appeal__by_the_provider__that_fails__pays_the_fee_carol_and_the_jackpot() -> None:
    """100: 55 to the second arbiter; of the other 45 60 % to Carol, 18 to the jackpot. The first's 25 of
    Otto's stake."""
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    bar.appeal(dispute, 2 * BOND, OTTO)
    bar.rule(dispute, 0, 2)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["fee"]) == (UPHELD, 0, ARBITER_FEE)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, APPEAL_FEE)
    assert bar.credit(CAROL) == BOND + 2 * DOLLAR + 27 * DOLLAR
    assert (bar.credit("JackpotPool"), bar.credit(OTTO)) == (18 * DOLLAR, 0)
    assert bar.stake()["free"] == FREE - PLEDGE - ARBITER_FEE
    bar.settled()


def test_appeal__by_the_challenger__that_fails__pays_the_accused_twice() -> None:
    """The opening's 50: 25 fee, 15 to Otto, 10 jackpot. The appeal's 100: 55 fee, 27 to Otto, 18 jackpot."""
    bar = open_bar()
    _, dispute = first_ruled(bar, 700_000)
    receipt = bar.appeal(dispute, 2 * BOND, CAROL)
    assert receipt.event("Appealed").args["forChallenger"] is True
    bar.rule(dispute, 700_000, 2)
    bar.execute(dispute)
    assert (bar.credit(OTTO), bar.credit("JackpotPool")) == (42 * DOLLAR, 28 * DOLLAR)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, APPEAL_FEE)
    assert bar.credit(CAROL) == 0
    bar.settled()


def test_appeal__by_the_challenger__that_turns_it__charges_the_provider_both_fees() -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, 700_000)
    bar.appeal(dispute, 2 * BOND, FRED)  # anybody may
    bar.rule(dispute, 300_000, 2)
    moved = bar.execute(dispute)
    assert moved["fee"] == ARBITER_FEE + APPEAL_FEE
    assert (bar.credit(CAROL), bar.credit(FRED)) == (BOND + 2 * DOLLAR, 2 * BOND)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, APPEAL_FEE)
    bar.settled()


@pytest.mark.parametrize("first", [300_000, 700_000])
def test_appeal__that_nobody_hears__the_first_ruling_stands_and_the_bond_returns(first: int) -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, first)
    bar.appeal(dispute, 2 * BOND, FRED)
    bar.evm.warp(2 * DAY)
    view = bar.view(dispute)
    wanted = UPHELD if first < 700_000 else REJECTED
    assert (view["state"], view["outcome"], view["ruling"]) == (State.RULED, wanted, first)
    bar.execute(dispute)
    assert bar.credit(FRED) == 2 * BOND
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, 0)
    bar.settled()


def test_appeal__in_parts__by_many__excess_is_not_pulled() -> None:
    """100 dollars are needed: a part is at least 6.25, so sixteen at most."""
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    with reverts("Court_TooSmallPart", dispute=dispute, amount=6_249_999, missing=100 * DOLLAR):
        bar.appeal(dispute, 6_249_999, OTTO)
    with reverts("Court_TooSmallPart", dispute=dispute, amount=0):
        bar.appeal(dispute, 0, OTTO)
    friends = [account(f"friend {i}") for i in range(16)]
    for i, friend in enumerate(friends):
        bar.system.fund(friend, 7 * DOLLAR, bar.court)
        assert bar.view(dispute)["state"] == State.APPEALABLE
        receipt = bar.appeal(dispute, 6_250_000 if i < 15 else 7 * DOLLAR, friend)
        assert receipt.event("AppealFunded").args["missing"] == 100 * DOLLAR - (i + 1) * 6_250_000
    assert bar.view(dispute)["state"] == State.SECOND
    with reverts("Court_WrongState", dispute=dispute, state=State.SECOND):
        bar.appeal(dispute, DOLLAR, OTTO)
    bar.rule(dispute, 700_000, 2)
    bar.execute(dispute)
    assert [bar.credit(friend) for friend in friends] == [6_250_000] * 16
    bar.settled()


def test_appeal__the_last_part_may_be_small() -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    bar.appeal(dispute, 99 * DOLLAR, OTTO)
    bar.appeal(dispute, DOLLAR, FRED)
    assert bar.view(dispute)["state"] == State.SECOND


def test_appeal__funded_in_part_at_the_deadline__all_of_it_returns() -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    bar.appeal(dispute, 60 * DOLLAR, OTTO)
    bar.appeal(dispute, 39 * DOLLAR, FRED)
    assert bar.court.call("appealBondOf", dispute) == (100 * DOLLAR, 99 * DOLLAR)
    bar.expire(dispute)
    with reverts("Court_WrongState", dispute=dispute, state=State.RULED):
        bar.appeal(dispute, DOLLAR, FRED)
    assert bar.execute(dispute)["outcome"] == UPHELD
    assert (bar.credit(OTTO), bar.credit(FRED)) == (60 * DOLLAR, 39 * DOLLAR)
    bar.settled()


def test_appeal__in_the_last_second__gives_the_second_arbiter_its_whole_time() -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, 300_000)
    bar.evm.warp(DAY - 1)
    bar.appeal(dispute, 2 * BOND, OTTO)
    assert bar.view(dispute)["deadline"] == bar.now + 2 * DAY
    bar.evm.warp(2 * DAY - 1)
    bar.rule(dispute, 0, 2)


def test_appeal__by_the_customer__is_a_single_bond_but_at_least_the_fee() -> None:
    """The bond was 50, the appeal's fee is 55."""
    bar = open_bar()
    _, dispute = first_ruled(bar, 700_000)
    bar.appeal(dispute, 1_000 * DOLLAR, ANN)
    assert bar.system.balance(ANN) == 10_000 * DOLLAR - APPEAL_FEE
    assert bar.view(dispute)["state"] == State.SECOND
    bar.rule(dispute, 700_000, 2)
    bar.execute(dispute)
    # All of it is the fee; nothing is left to share.
    assert bar.credit(bar.second) == APPEAL_FEE
    assert bar.credit(OTTO) == 15 * DOLLAR


def test_appeal__the_customer_joins__and_a_single_bond_is_enough() -> None:
    bar = open_bar()
    _, dispute = first_ruled(bar, 700_000)
    bar.appeal(dispute, 40 * DOLLAR, CAROL)
    receipt = bar.appeal(dispute, 20 * DOLLAR, ANN)
    assert receipt.event("AppealFunded").args["amount"] == 15 * DOLLAR
    assert bar.view(dispute)["state"] == State.SECOND


def test_appeal__the_customer_on_the_providers_side__gets_no_discount() -> None:
    """A contested proposal that was upheld: it is the provider's side that appeals."""
    bar = open_bar()
    task = bar.task(QUORUM)
    dispute = bar.propose(task, 0, bar.leaf(task, 700_000))
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.expire(dispute)
    bar.rule(dispute, 0)
    with reverts("Court_NothingDisputed", attacked=0, claimed=0):
        bar.appeal(dispute, 100 * DOLLAR, ANN)
    bar.appeal(dispute, 2 * BOND, OTTO)
    bar.rule(dispute, 0, 2)
    bar.execute(dispute)
    # Nobody in particular proposed: what Carol would get goes to the jackpot pool, 45 in all.
    assert bar.credit("JackpotPool") == 45 * DOLLAR


def test_appeal__of_a_ruling_that_ones_side_won__by_the_customer_alone() -> None:
    """A friend attacked and won one unit; the customer wants it all, at a single bond, and gets it: what
    others paid for the provider's appeal returns at once."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 699_999, bar.leaf(task, 700_000), by=FRED)
    bar.expire(dispute)
    bar.rule(dispute, 699_999)
    bar.appeal(dispute, 60 * DOLLAR, OTTO)
    with reverts("Court_TooSmallPart", dispute=dispute, amount=54 * DOLLAR, missing=55 * DOLLAR):
        bar.appeal(dispute, 54 * DOLLAR, ANN)
    receipt = bar.appeal(dispute, 55 * DOLLAR, ANN)
    assert receipt.event("Appealed").args["forChallenger"] is True
    assert receipt.event("BondReturned").args["amount"] == 60 * DOLLAR == bar.credit(OTTO)
    assert bar.court.call("totalBonds") == BOND + 55 * DOLLAR
    bar.rule(dispute, 100_000, 2)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"]) == (10 * DOLLAR, 90 * DOLLAR)
    assert moved["fee"] == ARBITER_FEE + APPEAL_FEE
    assert bar.credit(ANN) == 55 * DOLLAR
    bar.settled()


@pytest.mark.parametrize("second", [699_999, 700_000])
def test_appeal__of_a_ruling_that_ones_side_won__that_wins_no_more__is_lost(second: int) -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 699_999, bar.leaf(task, 700_000), by=FRED)
    bar.expire(dispute)
    bar.rule(dispute, 699_999)
    bar.appeal(dispute, 55 * DOLLAR, ANN)
    bar.rule(dispute, second, 2)
    moved = bar.execute(dispute)
    assert moved["outcome"] == (UPHELD if second < 700_000 else REJECTED)
    assert bar.credit(ANN) == 0
    assert bar.credit(bar.second) == APPEAL_FEE
    bar.settled()


def test_appeal__bonds_scale_with_the_dispute() -> None:
    """20 000 dollars: a bond of 1 000, an appeal's of 2 000, the customer's of 1 000."""
    bar = open_bar()
    task = bar.task(budget=20_000 * DOLLAR, unit_price=20_000 * DOLLAR)
    dispute = bar.attack(task, 0, bar.leaf(task, 1_000_000))
    bar.expire(dispute)
    bar.rule(dispute, 1_000_000)
    assert bar.court.call("appealBondOf", dispute)[0] == 2_000 * DOLLAR
    bar.appeal(dispute, 125 * DOLLAR, ANN)
    assert bar.court.call("appealBondOf", dispute) == (1_000 * DOLLAR, 125 * DOLLAR)


def test_appeal__where_there_is_nobody_to_hear_it__cannot_be() -> None:
    bar = open_bar()
    _, dispute = disputed(bar, FIRST_ONLY)
    bar.rule(dispute, 0)
    with reverts("Court_WrongState", dispute=dispute, state=State.RULED):
        bar.appeal(dispute, 100 * DOLLAR, OTTO)


def test_longest_way__takes_eight_days_from_the_opening() -> None:
    """Contest 1, evidence 1, first arbiter 2, appeal 1, second 2, cooling 1: 8 days, and one second less
    at each step that somebody takes in the last second."""
    bar = open_bar()
    task = bar.task(QUORUM)
    dispute = bar.propose(task, 0, bar.leaf(task, 700_000))
    opened = bar.now
    bar.evm.warp(DAY - 1)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.expire(dispute)
    bar.evm.warp(2 * DAY - 1)
    bar.rule(dispute, 700_000)
    bar.evm.warp(DAY - 1)
    bar.appeal(dispute, 1_000 * DOLLAR, CAROL)
    bar.evm.warp(2 * DAY - 1)
    bar.rule(dispute, 700_000, 2)
    bar.execute(dispute)
    bar.clear(dispute)
    assert bar.now - opened == 8 * DAY - 4
    assert bar.view(dispute)["outcome"] != SILENT
    # With the window of a self-post and the response before it: 11 days and 6 hours, within the 14 of the
    # liability.
    assert 3 * DAY + 21_600 + 8 * DAY <= 14 * DAY


def test_fees__beyond_the_bonds__are_not_owed() -> None:
    """A policy whose bond only just covers the first fee."""
    bar = seat(minBond=28 * DOLLAR, arbiterFee=28 * DOLLAR, appealFee=56 * DOLLAR)
    _, dispute = first_ruled(bar, 300_000)
    bar.appeal(dispute, 56 * DOLLAR, OTTO)
    bar.rule(dispute, 700_000, 2)
    bar.execute(dispute)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (28 * DOLLAR, 0)
    assert (bar.credit(OTTO), bar.credit("JackpotPool")) == (56 * DOLLAR, 0)
    assert bar.desk.received(2) == HUNDRED * 7 // 10 * 95 // 100
    bar.settled()
