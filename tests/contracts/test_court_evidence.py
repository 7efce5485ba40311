"""Between the opening and the arbiters: contests, evidence, the customer that takes over, figures behind a
proposal."""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import Status
from tests.support.court import (
    BOND,
    CAROL,
    DAY,
    FRED,
    FREE,
    HUNDRED,
    NOBODY,
    PLEDGE,
    QUORUM,
    SILENT,
    UPHELD,
    Bar,
    State,
    open_bar,
)
from tests.support.escrow import ANN, MALLORY, OTTO, RITA, SAM
from tests.support.evm import Account, reverts
from tests.support.receipts import VERIFIERS
from tests.support.system import DOLLAR


def proposed(bar: Bar, *, units: int = 700_000, valid: int = 300_000) -> tuple[int, int]:
    """A task and the proposal against its one leaf."""
    task = bar.task(QUORUM)
    return task, bar.propose(task, valid, bar.leaf(task, units))


# Contests


@pytest.mark.parametrize("who", [OTTO, ANN], ids=["provider", "customer"])
def test_contest__by_a_party__opens_the_evidence(who: Account) -> None:
    bar = open_bar()
    _, dispute = proposed(bar)
    bar.evm.warp(DAY - 1)
    receipt = bar.court.transact("contest", dispute, sender=who)
    assert receipt.event("Contested").args == {"dispute": dispute, "by": who.address}
    view = bar.view(dispute)
    assert (view["state"], view["deadline"]) == (State.EVIDENCE, bar.now + DAY)


def test_contest__by_the_sponsor() -> None:
    bar = open_bar()
    bar.desk.escrow.transact("allow", 3, 1, QUORUM, HUNDRED, bytes(32), sender=SAM)
    task = bar.task(QUORUM, funder=3)
    dispute = bar.propose(task, 0, bar.leaf(task, 10))
    bar.court.transact("contest", dispute, sender=SAM)
    assert bar.view(dispute)["state"] == State.EVIDENCE


def test_contest__by_others_or_too_late_or_twice__is_refused() -> None:
    bar = open_bar()
    _, dispute = proposed(bar)
    for who in (CAROL, RITA, SAM, VERIFIERS[3]):
        with reverts("Court_NotParty", dispute=dispute, caller=who.address):
            bar.court.transact("contest", dispute, sender=who)
    bar.court.transact("contest", dispute, sender=OTTO)
    with reverts("Court_WrongState", dispute=dispute, state=State.EVIDENCE):
        bar.court.transact("contest", dispute, sender=ANN)
    _, late = proposed(bar)
    bar.expire(late)
    with reverts("Court_WrongState", dispute=late, state=State.RULED):
        bar.court.transact("contest", late, sender=OTTO)
    task = bar.task()
    work = bar.attack(task, 0, bar.leaf(task, 10))
    with reverts("Court_WrongState", dispute=work, state=State.EVIDENCE):
        bar.court.transact("contest", work, sender=OTTO)


# Evidence


def test_evidence__by_anyone_for_either_side__until_it_closes() -> None:
    bar = open_bar()
    _, dispute = proposed(bar)
    for who, side in ((CAROL, True), (FRED, False)):
        receipt = bar.court.transact("submitEvidence", dispute, side, b"\x11" * 32, "https://e", sender=who)
        assert receipt.event("Evidence").args == {
            "dispute": dispute,
            "by": who.address,
            "forChallenger": side,
            "hash": b"\x11" * 32,
            "uri": "https://e",
        }
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.evm.warp(DAY - 1)
    bar.court.transact("submitEvidence", dispute, True, b"\x11" * 32, "", sender=CAROL)
    bar.evm.warp(1)
    with reverts("Court_WrongState", dispute=dispute, state=State.RULING):
        bar.court.transact("submitEvidence", dispute, True, b"\x11" * 32, "", sender=CAROL)


# Taking over


def test_take_over__the_customer_leads__and_the_finder_keeps_half_of_the_reward() -> None:
    """A slash of 10 with no victim: a reward of 2, one each."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 699_999, bar.leaf(task, 700_000))
    receipt = bar.court.transact("takeOver", dispute, 100_000, sender=ANN)
    assert receipt.event("TakenOver").args == {
        "dispute": dispute,
        "by": ANN.address,
        "claimed": 100_000,
    }
    view = bar.view(dispute)
    assert (view["challenger"], view["claimed"]) == (ANN.address, 100_000)
    bar.decide(dispute, 100_000)
    assert bar.execute(dispute)["toChallenger"] == 2 * DOLLAR
    assert (bar.credit(CAROL), bar.credit(ANN)) == (BOND + DOLLAR, DOLLAR)
    bar.settled()


def test_take_over__of_an_odd_reward__the_finder_gets_the_odd_micro() -> None:
    """A pledge of 10.000005 dollars: a fifth of it rounded up is 2.000001."""
    bar = open_bar()
    task = bar.task(budget=HUNDRED + 50)
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    bar.court.transact("takeOver", dispute, 0, sender=ANN)
    bar.decide(dispute, 0)
    assert bar.execute(dispute)["toChallenger"] == 2_000_001
    assert (bar.credit(CAROL) - BOND, bar.credit(ANN)) == (1_000_001, 1_000_000)


def test_take_over__by_others_or_too_late_or_with_no_quarrel__is_refused() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 700))
    for who in (CAROL, OTTO, SAM):
        with reverts("Court_NotParty", dispute=dispute, caller=who.address):
            bar.court.transact("takeOver", dispute, 0, sender=who)
    with reverts("Court_NothingDisputed", attacked=700, claimed=700):
        bar.court.transact("takeOver", dispute, 700, sender=ANN)
    bar.expire(dispute)
    with reverts("Court_WrongState", dispute=dispute, state=State.RULING):
        bar.court.transact("takeOver", dispute, 0, sender=ANN)


def test_take_over__of_a_contested_proposal__leads_but_keeps_the_verifiers_word() -> None:
    bar = open_bar()
    _, dispute = proposed(bar)
    with reverts("Court_WrongState", dispute=dispute, state=State.CONTEST):
        bar.court.transact("takeOver", dispute, 300_000, sender=ANN)
    bar.court.transact("contest", dispute, sender=OTTO)
    with reverts("Court_NothingDisputed", attacked=700_000, claimed=0):
        bar.court.transact("takeOver", dispute, 0, sender=ANN)
    bar.court.transact("takeOver", dispute, 300_000, sender=ANN)
    assert bar.view(dispute)["challenger"] == ANN.address
    bar.decide(dispute, 300_000)
    bar.execute(dispute)
    # The verifiers found it: a reward of 2, one each; nothing for who leads.
    assert bar.credit(ANN) == 0
    assert (bar.credit(VERIFIERS[3]), bar.credit(VERIFIERS[4])) == (DOLLAR, DOLLAR)


# Figures behind a proposal


def test_back__figures_up_to_the_valid_units__are_what_is_paid() -> None:
    """300 000 are valid, but only 200 000 and 250 000 are posted or signed: 25 dollars, net 23.75."""
    bar = open_bar()
    task = bar.task(QUORUM)
    low = bar.leaf(task, 200_000)
    dispute = bar.propose(task, 300_000, bar.leaf(task, 700_000))
    receipt = bar.court.transact("back", dispute, low, sender=FRED)
    assert receipt.event("Backed").args == {"dispute": dispute, "units": 200_000}
    fully = bar.item(task, 250_000, verdicts=(3, 4))
    bar.court.transact("back", dispute, (0, 0, bytes(18), bytes(32), [], fully), sender=FRED)
    bar.expire(dispute)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["paid"]) == (UPHELD, 300_000, 25 * DOLLAR)
    assert moved["refunded"] == 75 * DOLLAR
    assert bar.desk.received(2) == 23_750_000


def test_back__what_counts_for_nothing__is_refused() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    high, low = bar.leaf(task, 700_000), bar.leaf(task, 200_000)
    dispute = bar.propose(task, 300_000, high)

    def back(claim: tuple[object, ...]) -> None:
        bar.court.transact("back", dispute, claim, sender=FRED)

    with reverts("Court_BadClaim", fault=15):  # above the valid units
        back(high)
    with reverts("Court_BadClaim", fault=14):  # the device alone
        back(bar.shown(task, 250_000))
    with reverts("Court_BadClaim", fault=9):
        back(bar.shown(task, 250_000, device=MALLORY))
    other = bar.task(QUORUM)
    with reverts("Court_BadClaim", fault=1):
        back(bar.leaf(other, 10))
    back(low)
    with reverts("Court_BadClaim", fault=15):  # no more than was shown
        back(low)
    bar.expire(dispute)
    back(bar.shown(task, 250_000, customer=ANN))  # until it is executed
    bar.execute(dispute)
    with reverts("Court_WrongState", dispute=dispute, state=State.OVER):
        back(bar.shown(task, 250_000, customer=ANN))
    plain = bar.task()
    work = bar.attack(plain, 0, bar.leaf(plain, 10))
    with reverts("Court_WrongState", dispute=work, state=State.EVIDENCE):
        bar.court.transact("back", work, bar.leaf(plain, 5), sender=FRED)


# What becomes of proposals


def test_proposal__uncontested__refund_slash_to_the_insurance_and_no_reward() -> None:
    bar = open_bar()
    task, dispute = proposed(bar)
    bar.expire(dispute)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["paid"]) == (UPHELD, 300_000, 0)
    assert (moved["refunded"], moved["slashed"], moved["fee"]) == (HUNDRED, PLEDGE, 0)
    assert (moved["toChallenger"], moved["toInsurance"], moved["toVictim"]) == (0, PLEDGE, 0)
    assert [bar.stake(n)["reserved"] for n in (3, 4)] == [0, 0]
    assert [bar.stake(n)["free"] for n in (3, 4)] == [3_000 * DOLLAR] * 2
    assert bar.stake()["free"] == FREE - PLEDGE
    assert bar.agreement(task)["status"] == Status.CLOSED
    bar.settled()


def test_proposal__never_below_what_is_final() -> None:
    """500 000 units are paid and final; the verifiers say that 300 000 are valid: the 50 dollars stay paid."""
    bar = open_bar()
    task = bar.task(QUORUM)
    bar.pay(task, 500_000)
    dispute = bar.propose(task, 300_000, bar.leaf(task, 700_000))
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 0)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["overpaid"], moved["refunded"]) == (0, 0, 50 * DOLLAR)
    assert (moved["slashed"], moved["toVictim"]) == (PLEDGE, 0)
    assert bar.agreement(task)["paid"] == 50 * DOLLAR


def test_proposal__takes_back_what_was_only_released() -> None:
    """20 are final, 80 released at once and reserved: the 80 come back of the reservation, the slash is
    rewarded."""
    bar = open_bar()
    task = bar.task(QUORUM)
    bar.pay(task, 200_000)
    claim = bar.release(task, 1_000_000)
    dispute = bar.propose(task, 300_000, claim)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 300_000)
    moved = bar.execute(dispute)
    assert (moved["overpaid"], moved["recovered"], moved["toVictim"]) == (80 * DOLLAR, 0, 0)
    assert (moved["toChallenger"], moved["toInsurance"]) == (2 * DOLLAR, 8 * DOLLAR)
    bar.ledger.transact("finalise", claim[0], [0], sender=MALLORY)
    assert bar.owed(ANN) == 80 * DOLLAR
    assert bar.stake()["reserved"] == 0


def test_proposal__contested_and_rejected__the_bonds_pay_the_provider() -> None:
    """25 of each verifier's stake: 50 for a fee of 25, 15 to Otto, 10 to the jackpot; 70 dollars are paid."""
    bar = open_bar()
    task, dispute = proposed(bar)
    assert bar.stake(3)["reserved"] == BOND // 2
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 700_000)
    assert bar.execute(dispute)["paid"] == 70 * DOLLAR
    assert [bar.stake(n)["free"] for n in (3, 4, 5)] == [2_975 * DOLLAR] * 2 + [3_000 * DOLLAR]
    assert (bar.credit(bar.first), bar.credit(OTTO), bar.credit("JackpotPool")) == (
        25 * DOLLAR,
        15 * DOLLAR,
        10 * DOLLAR,
    )
    assert bar.agreement(task)["frozen"]
    bar.settled()


def test_proposal__contested_and_upheld__verifiers_share_the_reward_provider_pays_the_fee() -> None:
    bar = open_bar()
    _, dispute = proposed(bar)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 650_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["slashed"], moved["fee"]) == (UPHELD, PLEDGE, 25 * DOLLAR)
    assert (bar.credit(VERIFIERS[3]), bar.credit(VERIFIERS[4])) == (DOLLAR, DOLLAR)
    assert [bar.stake(n)["free"] for n in (3, 4)] == [3_000 * DOLLAR] * 2
    assert bar.stake()["free"] == FREE - PLEDGE - 25 * DOLLAR


def test_proposal__contested_and_nobody_rules__the_verifiers_word_stands_without_a_slash() -> None:
    bar = open_bar()
    task, dispute = proposed(bar)
    bar.court.transact("back", dispute, bar.leaf(task, 250_000), sender=FRED)
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.evm.warp(5 * DAY)
    assert bar.view(dispute)["outcome"] == SILENT
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"]) == (25 * DOLLAR, 75 * DOLLAR)
    assert (moved["slashed"], moved["fee"]) == (0, 0)
    assert bar.stake()["free"] == FREE
    assert [bar.stake(n)["free"] for n in (3, 4)] == [3_000 * DOLLAR] * 2
    assert bar.agreement(task)["status"] == Status.CLOSED
    bar.settled()


def test_challenger__named_by_who_pays__acts_and_is_rewarded__who_pays_gets_the_bond() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 10), by=FRED, challenger=CAROL.address)
    assert bar.view(dispute)["challenger"] == CAROL.address != NOBODY
    bar.decide(dispute, 0)
    bar.execute(dispute)
    assert (bar.credit(FRED), bar.credit(CAROL)) == (BOND, 2 * DOLLAR)
