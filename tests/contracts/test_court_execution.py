"""Carrying out rulings on metered work: what stands is paid, what was paid beyond it comes back, the
slash, fees and bonds.

A task is 100 dollars for 1 000 000 units, 500 bps of the provider's fee, coverage 10 %: pledge 10 dollars.
A bond is 50 dollars (5 % of 100 would be 5), the first arbiter's fee 25, an appeal's 55.
"""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import Status
from tests.support.court import (
    ARBITER_FEE,
    BOND,
    CAROL,
    FREE,
    HUNDRED,
    PLEDGE,
    REJECTED,
    UPHELD,
    State,
    open_bar,
)
from tests.support.escrow import ANN, OTTO, PAULA
from tests.support.evm import reverts
from tests.support.system import DOLLAR

MONEY = 100_000 * DOLLAR


def test_ruling__lower_and_unpaid__pays_refunds_and_rewards() -> None:
    """400 000 units: 40 dollars gross, 38 net, fee 2; 60 back; the slash of 10 has no victim: 2 to Carol,
    8 to insurance."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 400_000, bar.leaf(task, 1_000_000))
    assert bar.system.balance(CAROL) == 10_000 * DOLLAR - BOND
    bar.decide(dispute, 400_000)
    moved = bar.execute(dispute)
    assert moved == {
        "dispute": dispute,
        "agreement": task,
        "outcome": UPHELD,
        "units": 400_000,
        "paid": 40 * DOLLAR,
        "overpaid": 0,
        "refunded": 60 * DOLLAR,
        "recovered": 0,
        "slashed": PLEDGE,
        "toVictim": 0,
        "toChallenger": 2 * DOLLAR,
        "toInsurance": 8 * DOLLAR,
        "fee": ARBITER_FEE,
    }
    record = bar.agreement(task)
    assert (record["status"], record["frozen"], record["paid"]) == (Status.CLOSED, False, 40 * DOLLAR)
    assert (bar.desk.received(2), bar.desk.free(1)) == (38 * DOLLAR, MONEY - 40 * DOLLAR)
    assert bar.credit(CAROL) == BOND + 2 * DOLLAR
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, 0)
    assert bar.court.call("feeOf", dispute, 1) == ARBITER_FEE
    assert bar.insured() == 8 * DOLLAR
    # The pledge is gone, and the fee came of the free stake.
    assert bar.stake() == {
        "free": FREE - PLEDGE - ARBITER_FEE,
        "pledged": 0,
        "reserved": 0,
        "thawing": 0,
    }
    assert bar.view(dispute)["state"] == State.OVER
    assert bar.court.call("activeOf", task) == 0
    # The Court gets the reward and the fee out of Staking when the first of them is claimed.
    assert bar.system.balance(bar.court) == BOND
    bar.court.transact("claimCredit", CAROL.address, sender=CAROL)
    assert bar.system.balance(CAROL) == 10_000 * DOLLAR + 2 * DOLLAR
    bar.first.transact("claim", bar.court.address, ANN.address, sender=ANN)
    assert bar.system.balance(bar.court) == bar.court.call("totalCredits") == 0
    bar.settled()


def test_ruling__lower_and_all_paid__pledge_and_slash_go_to_the_victim() -> None:
    """Paid 100, 40 stand: 60 overpaid. 10 recovered of the pledge, the slash of 10 from free stake goes to
    the victim whole; 40 are left to recover or to insure. The payee keeps what it was paid."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 400_000, bar.pay(task, 1_000_000))
    bar.decide(dispute, 400_000)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"], moved["overpaid"]) == (0, 0, 60 * DOLLAR)
    assert (moved["recovered"], moved["slashed"], moved["toVictim"]) == (PLEDGE, PLEDGE, PLEDGE)
    assert (moved["toChallenger"], moved["toInsurance"], moved["fee"]) == (0, 0, ARBITER_FEE)
    assert bar.owed(ANN) == 20 * DOLLAR
    assert bar.stake()["free"] == FREE - 2 * PLEDGE - ARBITER_FEE
    assert bar.desk.received(2) == 95 * DOLLAR
    assert bar.ledger.call("recoveryOf", task) == {"due": 40 * DOLLAR, "done": 0, "doneFees": 0}
    # Fees of the 60 that were overturned do not count for the payee's rewards: 5 % of it.
    assert bar.desk.escrow.call("overturned", 2) == 3 * DOLLAR
    assert (bar.credit(CAROL), bar.credit(bar.first)) == (BOND, ARBITER_FEE)
    bar.settled()


def test_ruling__nothing_stands__everything_comes_back() -> None:
    """Half was paid: 50 overpaid, 10 of it recovered, 10 slashed for the victim, 30 due; 50 refunded."""
    bar = open_bar()
    task = bar.task()
    bar.pay(task, 500_000)
    dispute = bar.attack(task, 0, bar.leaf(task, 900_000))
    bar.decide(dispute, 0)
    moved = bar.execute(dispute)
    assert (moved["paid"], moved["refunded"], moved["overpaid"]) == (0, 50 * DOLLAR, 50 * DOLLAR)
    assert (moved["recovered"], moved["toVictim"]) == (PLEDGE, PLEDGE)
    assert bar.ledger.call("recoveryOf", task)["due"] == 30 * DOLLAR
    assert bar.desk.free(1) == MONEY - 50 * DOLLAR


def test_ruling__the_figure_stands__paid_bond_lost_and_the_agreement_runs_on() -> None:
    """The bond of 50: 25 for the arbiter, 60 % of the other 25 to the accused, 10 to the jackpot pool."""
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 1_000_000)
    dispute = bar.attack(task, 400_000, claim)
    bar.decide(dispute, 1_000_000)
    executed_at = bar.now
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["paid"]) == (REJECTED, 1_000_000, HUNDRED)
    assert (moved["slashed"], moved["fee"], moved["refunded"]) == (0, 0, 0)
    assert (bar.credit(OTTO), bar.credit("JackpotPool"), bar.credit(bar.first)) == (
        15 * DOLLAR,
        10 * DOLLAR,
        ARBITER_FEE,
    )
    assert bar.credit(CAROL) == 0
    assert bar.stake() == {"free": FREE - PLEDGE, "pledged": PLEDGE, "reserved": 0, "thawing": 0}
    assert bar.desk.received(2) == 95 * DOLLAR
    view = bar.view(dispute)
    assert (view["state"], view["deadline"]) == (State.COOLING, executed_at + 86_400)
    assert bar.agreement(task)["frozen"]
    with reverts("Court_StillCooling", dispute=dispute, until=executed_at + 86_400):
        bar.court.transact("clear", dispute, sender=CAROL)
    # notBefore = now + POST_GRACE + longest window + SETTLE_GRACE = now + 86 400 + 259 200 + 86 400.
    assert bar.clear(dispute) == bar.now + 432_000 == bar.agreement(task)["notBefore"]
    assert not bar.agreement(task)["frozen"]
    bar.settled()
    # What stood is not attacked again.
    with reverts("Court_StoodBefore", agreement=task, units=1_000_000):
        bar.attack(task, 0, claim)


def test_ruling__above_the_attacked_figure__is_the_attacked_figure() -> None:
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.leaf(task, 300_000))
    bar.decide(dispute, 900_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["units"], moved["paid"]) == (REJECTED, 300_000, 30 * DOLLAR)


def test_ruling__above_the_budget__pays_the_budget() -> None:
    """2 000 000 units would be 200 dollars; 1 500 000 of them stand, which is below the figure, so it
    closes too."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 400_000, bar.leaf(task, 2_000_000))
    bar.decide(dispute, 1_500_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["refunded"]) == (UPHELD, HUNDRED, 0)
    assert bar.agreement(task)["status"] == Status.CLOSED


def test_slash__is_rounded_up_and_within_its_caps() -> None:
    """3 333 bps of a pledge of 10 000 001 µ: 3 333 000.3333, so 3 333 001. A cap of 2 dollars an incident,
    3 a day."""
    from tests.support.court import seat

    bar = seat(slashBps=3_333)
    task = bar.task(budget=100 * DOLLAR + 1)  # 10 % is 10 000 000.1, so 10 000 001
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    bar.decide(dispute, 0)
    assert bar.execute(dispute)["slashed"] == 3_333_001

    bar = seat(slashCap=2 * DOLLAR, slashDayCap=3 * DOLLAR)
    tasks = [bar.task() for _ in range(3)]
    disputes = [bar.attack(task, 0, bar.leaf(task, 10)) for task in tasks]
    bar.expire(disputes[-1])
    for dispute in disputes:
        bar.rule(dispute, 0)
    bar.expire(disputes[-1])
    day = bar.now // 86_400
    assert [bar.execute(dispute)["slashed"] for dispute in disputes] == [2 * DOLLAR, DOLLAR, 0]
    assert bar.now // 86_400 == day
    assert bar.credit(CAROL) == 3 * BOND + 2 * DOLLAR * 2 // 10 + DOLLAR * 2 // 10
    bar.settled()


def test_slash__without_stake__takes_what_there_is_and_never_reverts() -> None:
    """Free stake of 1 000 dollars cannot be less; thawing stake is liable too."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 0, bar.pay(task, 1_000_000))
    bar.staking.transact("unstake", 1, FREE - PLEDGE, sender=OTTO)
    bar.decide(dispute, 0)
    moved = bar.execute(dispute)
    assert (moved["recovered"], moved["slashed"], moved["fee"]) == (PLEDGE, PLEDGE, ARBITER_FEE)
    assert bar.stake() == {
        "free": 0,
        "pledged": 0,
        "reserved": 0,
        "thawing": FREE - 2 * PLEDGE - ARBITER_FEE,
    }


def test_recovery__of_a_leaf_released_at_once__its_reservation_pays_before_the_pledge() -> None:
    """100 paid and reserved; 40 stand. The 60 come of the reservation, so the slash of 10 is no victim's:
    2 to Carol, 8 to the insurance. Finalising gives Ann 60 of it, and Otto 40 back."""
    bar = open_bar()
    task = bar.task()
    claim = bar.release(task, 1_000_000)
    assert bar.stake() == {
        "free": FREE - PLEDGE - HUNDRED,
        "pledged": PLEDGE,
        "reserved": HUNDRED,
        "thawing": 0,
    }
    dispute = bar.attack(task, 400_000, claim)
    bar.decide(dispute, 400_000)
    with reverts("ReceiptLedger_NothingToFinalise", batch=claim[0]):
        bar.ledger.transact("finalise", claim[0], [0], sender=OTTO)
    moved = bar.execute(dispute)
    assert (moved["overpaid"], moved["recovered"], moved["toVictim"]) == (60 * DOLLAR, 0, 0)
    assert (moved["slashed"], moved["toChallenger"], moved["toInsurance"]) == (
        PLEDGE,
        2 * DOLLAR,
        8 * DOLLAR,
    )
    assert bar.ledger.call("recoveryOf", task)["due"] == 60 * DOLLAR
    with reverts("Court_StillHeld", agreement=task):
        bar.court.transact("fileClaim", dispute, sender=ANN)
    bar.ledger.transact("finalise", claim[0], [0], sender=ANN)
    assert bar.owed(ANN) == 60 * DOLLAR
    assert bar.stake()["free"] == FREE - PLEDGE - 60 * DOLLAR - ARBITER_FEE
    assert bar.ledger.call("recoveryOf", task) == {"due": 0, "done": 60 * DOLLAR, "doneFees": 0}
    with reverts("Court_NotInsured", dispute=dispute):
        bar.court.transact("fileClaim", dispute, sender=ANN)
    bar.check()


@pytest.mark.parametrize("fee", [0, 7, 333, 1_500])
def test_recovery__of_a_release_with_a_customers_fee__to_the_micro(fee: int) -> None:
    """An earlier figure of 123 457 units is final; the release of the rest is what a proposal takes back."""
    bar = open_bar()
    bar.desk.escrow.transact("setFees", 500, fee, sender=bar.system.admin)
    task = bar.task(3)
    bar.pay(task, 123_457)
    claim = bar.release(task, 987_654)
    dispute = bar.propose(task, 0, claim)
    bar.expire(dispute)
    moved = bar.execute(dispute)
    before, after = 12_345_700, 98_765_400
    overpaid = after - before + after * fee // 10_000 - before * fee // 10_000
    assert (moved["overpaid"], moved["recovered"], moved["toVictim"]) == (overpaid, 0, 0)
    bar.ledger.transact("finalise", claim[0], [0], sender=ANN)
    assert bar.owed(ANN) == overpaid
    assert bar.stake()["reserved"] == 0
    assert bar.ledger.call("recoveryOf", task)["due"] == 0
    bar.check()


def test_claim__of_what_nothing_gave_back__is_filed_once() -> None:
    """60 overpaid, 20 came back: 40 are filed for the funder's owner. Fees of the task itself are not
    counted before."""
    bar = open_bar()
    task = bar.task()
    dispute = bar.attack(task, 400_000, bar.pay(task, 1_000_000))
    with reverts("Court_NotInsured", dispute=dispute):
        bar.court.transact("fileClaim", dispute, sender=ANN)
    bar.decide(dispute, 400_000)
    bar.execute(dispute)
    receipt = bar.court.transact("fileClaim", dispute, sender=PAULA)
    filed = [log.args for log in receipt.events("ClaimFiled") if log.address == bar.court.address]
    assert filed == [{"dispute": dispute, "agreement": task, "loss": 40 * DOLLAR}]
    claim = bar.system.insurance.call("claimOf", task)
    assert (claim["victim"], claim["loss"], claim["operator"]) == (ANN.address, 40 * DOLLAR, 1)
    assert bar.ledger.call("recoveryOf", task)["due"] == 0
    with reverts("Court_NotInsured", dispute=dispute):
        bar.court.transact("fileClaim", dispute, sender=ANN)


def test_claim__of_countersigned_work__is_not_insured() -> None:
    bar = open_bar()
    task = bar.task()
    bar.ledger.transact("collect", [bar.item(task, 1_000_000, customer=ANN)], sender=OTTO)
    dispute = bar.attack(task, 0, bar.shown(task, 1_000_000))
    bar.decide(dispute, 0)
    assert bar.execute(dispute)["overpaid"] == HUNDRED
    with reverts("Court_NotInsured", dispute=dispute):
        bar.court.transact("fileClaim", dispute, sender=ANN)


def test_execute__in_any_other_state__is_refused() -> None:
    bar = open_bar()
    task = bar.task()
    with reverts("Court_UnknownDispute", dispute=1):
        bar.court.transact("execute", 1, sender=CAROL)
    dispute = bar.attack(task, 0, bar.leaf(task, 10))
    with reverts("Court_WrongState", dispute=dispute, state=State.EVIDENCE):
        bar.court.transact("execute", dispute, sender=CAROL)
    bar.expire(dispute)
    with reverts("Court_WrongState", dispute=dispute, state=State.RULING):
        bar.court.transact("execute", dispute, sender=CAROL)
    bar.rule(dispute, 10)
    with reverts("Court_WrongState", dispute=dispute, state=State.APPEALABLE):
        bar.court.transact("execute", dispute, sender=CAROL)
    bar.expire(dispute)
    bar.execute(dispute)
    with reverts("Court_WrongState", dispute=dispute, state=State.COOLING):
        bar.court.transact("execute", dispute, sender=CAROL)
    bar.clear(dispute)
    for function in ("execute", "clear", "rule", "contest"):
        with reverts("Court_WrongState", dispute=dispute, state=State.OVER):
            bar.court.transact(function, dispute, sender=CAROL)


def test_extension__at_its_own_address__does_nothing() -> None:
    bar = open_bar()
    extension = bar.evm.at("CourtExecution", bar.system.at["CourtExecution"])
    for function in ("execute", "clear", "fileClaim"):
        with reverts("Court_NotHere"):
            extension.transact(function, 1, sender=CAROL)
