"""Silence: whoever does nothing in whichever state, time alone brings the dispute to an end, and no money
stays behind.

Each cell of the table of docs/disputes.md is one of these tests, or one that the table names. A task of
100 dollars, its figure of 700 000 units attacked; the challenger says that 300 000 stand.
"""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import Status
from tests.support.court import (
    ARBITER_FEE,
    ATTESTED,
    BOND,
    CAROL,
    DAY,
    FIRST_ONLY,
    FRED,
    FREE,
    HUNDRED,
    NONE,
    PLEDGE,
    QUORUM,
    REJECTED,
    SECOND_ONLY,
    SILENT,
    TEE,
    UPHELD,
    Bar,
    State,
    open_bar,
)
from tests.support.escrow import ANN, MALLORY, OTTO
from tests.support.evm import reverts
from tests.support.system import DOLLAR

ATTACKED, CLAIMED = 700_000, 300_000


def work(bar: Bar, policy: int = NONE) -> tuple[int, int]:
    task = bar.task(policy)
    return task, bar.attack(task, CLAIMED, bar.leaf(task, ATTACKED))


def proposal(bar: Bar, policy: int = QUORUM) -> tuple[int, int]:
    task = bar.task(policy)
    verifiers = (3,) if policy == ATTESTED else (3, 4)
    return task, bar.propose(task, CLAIMED, bar.leaf(task, ATTACKED), *verifiers)


# CONTEST


def test_contest__nobody_contests__upheld_a_day_later() -> None:
    bar = open_bar()
    task, dispute = proposal(bar)
    bar.evm.warp(DAY - 1)
    with reverts("Court_WrongState", dispute=dispute, state=State.CONTEST):
        bar.execute(dispute)
    bar.evm.warp(1)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["refunded"], moved["slashed"]) == (UPHELD, HUNDRED, PLEDGE)
    assert (moved["toInsurance"], moved["fee"]) == (PLEDGE, 0)
    assert bar.agreement(task)["status"] == Status.CLOSED
    bar.settled()


# EVIDENCE


@pytest.mark.parametrize("speaks", ["nobody", "challenger", "provider", "customer"])
def test_evidence__who_says_nothing__does_not_stop_the_clock(speaks: str) -> None:
    """The arbiters' time begins a day after the opening, whoever spoke in it."""
    bar = open_bar()
    _, dispute = work(bar)
    opened = bar.now
    bar.evm.warp(100)
    if speaks == "customer":
        bar.court.transact("takeOver", dispute, 0, sender=ANN)
    elif speaks != "nobody":
        who = CAROL if speaks == "challenger" else OTTO
        side = speaks == "challenger"
        bar.court.transact("submitEvidence", dispute, side, b"\1" * 32, "", sender=who)
    bar.evm.warp_to(opened + DAY)
    view = bar.view(dispute)
    assert (view["state"], view["rulingStart"], view["deadline"]) == (
        State.RULING,
        opened + DAY,
        opened + 3 * DAY,
    )


# RULING


def test_ruling__the_first_is_silent__the_second_has_two_days() -> None:
    bar = open_bar()
    _, dispute = work(bar)
    opened = bar.now
    bar.evm.warp(3 * DAY)
    view = bar.view(dispute)
    assert (view["state"], view["round"], view["deadline"]) == (State.SECOND, 2, opened + 5 * DAY)
    bar.rule(dispute, CLAIMED, 2)
    assert bar.view(dispute)["state"] == State.RULED
    assert bar.execute(dispute)["fee"] == ARBITER_FEE


def test_ruling__there_is_no_first__the_second_has_its_time_at_once() -> None:
    bar = open_bar()
    _, dispute = work(bar, SECOND_ONLY)
    opened = bar.now
    bar.evm.warp(DAY)
    view = bar.view(dispute)
    assert (view["state"], view["deadline"]) == (State.SECOND, opened + 3 * DAY)


@pytest.mark.parametrize(("policy", "days"), [(FIRST_ONLY, 3), (SECOND_ONLY, 3), (NONE, 5)])
def test_ruling__all_that_there_are_are_silent__ends_then(policy: int, days: int) -> None:
    bar = open_bar()
    task, dispute = work(bar, policy)
    bar.evm.warp(days * DAY - 1)
    with reverts("Court_WrongState"):
        bar.execute(dispute)
    bar.evm.warp(1)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["refunded"]) == (SILENT, 30 * DOLLAR, 70 * DOLLAR)
    assert bar.agreement(task)["status"] == Status.CLOSED


# SECOND, without an appeal: nobody ruled


def everything_returns(bar: Bar) -> None:
    """No slash, no fee, no reward; each bond is whole."""
    assert bar.credit(bar.first) == bar.credit(bar.second) == bar.credit("JackpotPool") == 0
    assert bar.credit(OTTO) == 0
    stake = bar.stake()
    assert (stake["free"] + stake["pledged"], stake["reserved"]) == (FREE, 0)
    assert [bar.stake(n)["free"] for n in (3, 4, 5)] == [3_000 * DOLLAR] * 3
    bar.settled()


@pytest.mark.parametrize(
    ("policy", "posted", "paid", "runs_on"),
    [
        # No signatures of third parties: the disputed increment goes back, what the challenger leaves is paid.
        (NONE, True, 30, False),
        (NONE, False, 30, False),  # under NONE the device's signature is full
        (ATTESTED, True, 30, False),
        (ATTESTED, False, 0, False),  # nobody attested it
        # What the signatures say.
        (QUORUM, True, 70, True),
        (QUORUM, False, 0, True),  # they say nothing
        (TEE, True, 70, True),
    ],
)
def test_silence__work__by_kind_and_claim(policy: int, posted: bool, paid: int, runs_on: bool) -> None:
    bar = open_bar()
    task = bar.task(policy)
    claim = bar.leaf(task, ATTACKED) if posted else bar.shown(task, ATTACKED)
    dispute = bar.attack(task, CLAIMED, claim)
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"]) == (SILENT, paid * DOLLAR)
    assert (moved["slashed"], moved["fee"], moved["overpaid"]) == (0, 0, 0)
    assert moved["refunded"] == (0 if runs_on else HUNDRED - paid * DOLLAR)
    assert bar.agreement(task)["status"] == (Status.OPEN if runs_on else Status.CLOSED)
    assert bar.credit(CAROL) == BOND
    everything_returns(bar)
    if not runs_on:
        return
    bar.clear(dispute)
    # What silence let stand is not attacked again; what it did not pay may be.
    if paid:
        with reverts("Court_StoodBefore", agreement=task, units=ATTACKED):
            bar.attack(task, 0, claim)
    else:
        bar.attack(task, 0, claim)


@pytest.mark.parametrize("policy", [QUORUM, ATTESTED])
def test_silence__work__a_receipt_with_full_signatures__counts_as_posted(policy: int) -> None:
    bar = open_bar()
    task = bar.task(policy)
    dispute = bar.attack(task, CLAIMED, bar.shown(task, ATTACKED, verdicts=(3, 4)[: policy - 1]))
    bar.evm.warp(5 * DAY)
    assert bar.execute(dispute)["paid"] == (70 if policy == QUORUM else 30) * DOLLAR


@pytest.mark.parametrize("how", ["void", "challenged", "cancelled"])
def test_silence__work__a_leaf_that_was_taken_back_meanwhile__is_not_paid(how: str) -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    claim = bar.leaf(task, ATTACKED)
    dispute = bar.attack(task, CLAIMED, claim)
    challenges = bar.system.at["Challenges"]
    if how == "cancelled":
        bar.ledger.transact("cancel", claim[0], sender=bar.system.admin)
    else:
        bar.ledger.transact("hold", claim[:5], sender=challenges)
    if how == "void":
        bar.ledger.transact("unhold", claim[0], 0, task, 1, sender=challenges)
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["paid"]) == (SILENT, ATTACKED, 0)
    everything_returns(bar)


def test_silence__work__what_is_paid_stays_paid() -> None:
    """Under NONE, all 70 dollars were paid before Carol said that 300 000 units stand."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, CLAIMED, bar.pay(task, ATTACKED))
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["overpaid"], moved["refunded"]) == (0, 0, 30 * DOLLAR)
    assert bar.agreement(task)["paid"] == 70 * DOLLAR
    everything_returns(bar)


@pytest.mark.parametrize("policy", [ATTESTED, QUORUM])
@pytest.mark.parametrize("backed", [False, True])
def test_silence__proposal__the_verifiers_word_stands(policy: int, backed: bool) -> None:
    """300 000 are valid; of them is paid what somebody shows to be posted."""
    bar = open_bar()
    task, dispute = proposal(bar, policy)
    if backed:
        bar.court.transact("back", dispute, bar.leaf(task, 200_000), sender=FRED)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    paid = 20 * DOLLAR if backed else 0
    assert (moved["outcome"], moved["paid"], moved["refunded"]) == (SILENT, paid, HUNDRED - paid)
    assert bar.agreement(task)["status"] == Status.CLOSED
    everything_returns(bar)


def test_silence__proposal__what_was_only_released_goes_back() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    claim = bar.release(task, ATTACKED)
    dispute = bar.propose(task, 0, claim)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    assert (moved["overpaid"], moved["recovered"], moved["slashed"]) == (70 * DOLLAR, 0, 0)
    bar.ledger.transact("finalise", claim[0], [0], sender=MALLORY)
    assert bar.owed(ANN) == 70 * DOLLAR
    assert bar.stake() == {
        "free": FREE - 70 * DOLLAR,
        "pledged": 0,
        "reserved": 0,
        "thawing": 0,
    }


# APPEALABLE


@pytest.mark.parametrize(("ruling", "outcome"), [(CLAIMED, UPHELD), (ATTACKED, REJECTED)])
@pytest.mark.parametrize("part", [0, 99])
def test_appealable__the_loser_is_silent_or_pays_too_little__the_first_ruling_stands(
    ruling: int, outcome: int, part: int
) -> None:
    bar = open_bar()
    _, dispute = work(bar)
    bar.expire(dispute)
    bar.rule(dispute, ruling)
    if part:
        bar.appeal(dispute, part * DOLLAR, FRED)
    bar.expire(dispute)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"]) == (outcome, ruling)
    assert bar.credit(FRED) == part * DOLLAR
    bar.settled()


# SECOND, on appeal


@pytest.mark.parametrize(("ruling", "outcome"), [(CLAIMED, UPHELD), (ATTACKED, REJECTED)])
def test_appeal__the_second_is_silent__the_first_ruling_stands(ruling: int, outcome: int) -> None:
    bar = open_bar()
    _, dispute = work(bar)
    bar.expire(dispute)
    bar.rule(dispute, ruling)
    bar.appeal(dispute, 2 * BOND, FRED)
    bar.expire(dispute)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"]) == (outcome, ruling)
    assert bar.credit(FRED) == 2 * BOND
    bar.settled()


# RULED, COOLING, OVER


@pytest.mark.parametrize("days", [0, 1, 300])
def test_ruled__nobody_executes__anyone_may_later_and_the_sums_are_the_same(days: int) -> None:
    bar = open_bar()
    task, dispute = work(bar)
    bar.expire(dispute)
    bar.rule(dispute, CLAIMED)
    bar.expire(dispute)
    bar.evm.warp(days * DAY)
    assert bar.agreement(task)["frozen"]
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"], moved["slashed"]) == (30 * DOLLAR, 70 * DOLLAR, PLEDGE)
    assert bar.credit(CAROL) == BOND + 2 * DOLLAR
    bar.settled()


@pytest.mark.parametrize("days", [1, 300])
def test_cooling__nobody_disputes_or_clears__anyone_may_later_and_the_rest_is_refunded(days: int) -> None:
    bar = open_bar()
    task, dispute = work(bar)
    bar.decide(dispute, ATTACKED)
    bar.execute(dispute)
    bar.evm.warp(days * DAY)
    with reverts("Escrow_Held", agreement=task):
        bar.desk.escrow.transact("refund", task, sender=ANN)
    bar.court.transact("clear", dispute, sender=MALLORY)
    assert bar.view(dispute)["state"] == State.OVER
    due = max(bar.agreement(task)["notBefore"], bar.agreement(task)["end"] + 432_000)
    bar.evm.warp_to(due)
    bar.desk.escrow.transact("refund", task, sender=MALLORY)
    assert bar.desk.free(1) == 100_000 * DOLLAR - 70 * DOLLAR
    assert bar.stake() == {"free": FREE, "pledged": 0, "reserved": 0, "thawing": 0}
    bar.settled()


def test_over__nobody_claims__credits_wait() -> None:
    bar = open_bar()
    _, dispute = work(bar)
    bar.decide(dispute, CLAIMED)
    bar.execute(dispute)
    bar.evm.warp(1_000 * DAY)
    receipt = bar.court.transact("claimCredit", FRED.address, sender=CAROL)
    assert receipt.result == BOND + 2 * DOLLAR
    bar.check()
