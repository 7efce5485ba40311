"""Disputes about a lease's clock: seconds that were served or not, up to the opening of the dispute.

A lease is 100 µ a second and holds 100 dollars, a million seconds; pledge 10 dollars. LAG is 259 200
seconds, so after 400 000 seconds the clock has paid 140 800 of them: 14.08 dollars.
"""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import Status
from tests.support.court import (
    ARBITER_FEE,
    BOND,
    CAROL,
    CLOCK,
    DAY,
    FREE,
    HUNDRED,
    PLEDGE,
    QUORUM,
    REJECTED,
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

SERVED = 400_000  # seconds
PAID = 14_080_000


def running(bar: Bar, policy: int = 1) -> int:
    """A lease after 400 000 seconds, paid up to the horizon."""
    lease = bar.lease(policy)
    bar.evm.warp(SERVED)
    bar.desk.escrow.transact("poke", [lease], sender=MALLORY)
    assert bar.agreement(lease)["paid"] == PAID
    return lease


def reported(bar: Bar, lease: int, seconds: int) -> None:
    """The relayer posts so much downtime, and it counts."""
    bar.pay(lease, seconds)
    assert bar.agreement(lease)["downtime"] == seconds


def test_ruling__fewer_seconds_above_what_is_paid__lowers_the_bill_and_runs_on() -> None:
    """300 000 of 400 000: 30 dollars stand, 15.92 more are paid; 100 000 seconds are downtime. No slash,
    no reward; the provider pays the fee."""
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 300_000)
    view = bar.view(dispute)
    assert (view["attacked"], view["claimed"], view["upward"]) == (SERVED, 300_000, False)
    assert view["outputRoot"] == bytes(32)
    bar.decide(dispute, 300_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["slashed"]) == (UPHELD, 15_920_000, 0)
    assert moved["fee"] == ARBITER_FEE
    record = bar.agreement(lease)
    assert (record["paid"], record["downtime"], record["frozen"]) == (30 * DOLLAR, 100_000, True)
    assert (bar.credit(CAROL), bar.credit(bar.first)) == (BOND, ARBITER_FEE)
    assert bar.stake()["free"] == FREE - PLEDGE - ARBITER_FEE
    bar.clear(dispute)
    # The clock ran on: what is past the horizon, less the downtime.
    bar.evm.warp(259_200)
    bar.desk.escrow.transact("poke", [lease], sender=MALLORY)
    elapsed = bar.now - record["start"] - 259_200
    assert bar.agreement(lease)["paid"] == (elapsed - 100_000) * 100
    bar.settled()


def test_ruling__below_what_is_paid__closes_and_takes_back() -> None:
    """100 000 stand, 10 dollars: 4.08 overpaid, recovered of the pledge; the slash of 10 takes the other
    5.92 of the pledge and 4.08 of free stake; 2 to Carol, 8 to the insurance."""
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 100_000)
    bar.decide(dispute, 100_000)
    moved = bar.execute(dispute)
    assert (moved["overpaid"], moved["recovered"], moved["refunded"]) == (
        4_080_000,
        4_080_000,
        HUNDRED - PAID,
    )
    assert (moved["slashed"], moved["toVictim"], moved["toChallenger"], moved["toInsurance"]) == (
        PLEDGE,
        0,
        2 * DOLLAR,
        8 * DOLLAR,
    )
    assert bar.stake()["free"] == FREE - PLEDGE - 4_080_000 - ARBITER_FEE
    assert bar.owed(ANN) == 4_080_000
    assert bar.agreement(lease)["status"] == Status.CLOSED
    bar.settled()


def test_ruling__of_just_what_is_paid__does_not_close() -> None:
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 0)
    bar.decide(dispute, 140_800)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["slashed"]) == (UPHELD, 0, 0)
    assert bar.agreement(lease)["downtime"] == SERVED - 140_800


def test_ruling__the_clock_stands__pays_up_to_the_opening() -> None:
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 0)
    bar.decide(dispute, SERVED)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"]) == (REJECTED, 40 * DOLLAR - PAID)
    assert bar.agreement(lease)["downtime"] == 0
    assert (bar.credit(OTTO), bar.credit("JackpotPool")) == (15 * DOLLAR, 10 * DOLLAR)
    bar.clear(dispute)
    # Other seconds can be disputed again.
    bar.attack(lease, SERVED)


def test_upward__the_provider_proves_that_it_served__downtime_goes_and_it_pays_for_the_proof() -> None:
    """50 000 seconds were reported. A customer has no stake to charge: the fee is the provider's bond's."""
    bar = open_bar()
    lease = running(bar)
    reported(bar, lease, 50_000)
    elapsed = SERVED + DAY
    with reverts("Court_NotParty", dispute=0, caller=CAROL.address):
        bar.attack(lease, elapsed)
    with reverts("Court_NothingDisputed", attacked=elapsed - 50_000, claimed=elapsed + 1):
        bar.attack(lease, elapsed + 1, by=OTTO)
    dispute = bar.attack(lease, elapsed, by=OTTO)
    view = bar.view(dispute)
    assert (view["upward"], view["attacked"], view["claimed"]) == (True, elapsed - 50_000, elapsed)
    with reverts("Court_NotParty", dispute=dispute, caller=ANN.address):
        bar.court.transact("takeOver", dispute, 0, sender=ANN)
    bar.decide(dispute, elapsed)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["fee"], moved["slashed"]) == (UPHELD, 0, 0)
    record = bar.agreement(lease)
    assert (record["downtime"], record["paid"]) == (0, elapsed * 100)
    assert (bar.credit(OTTO), bar.credit(bar.first)) == (BOND - ARBITER_FEE, ARBITER_FEE)
    bar.settled()


def test_upward__rejected__pays_the_customer_and_changes_nothing() -> None:
    bar = open_bar()
    lease = running(bar)
    reported(bar, lease, 50_000)
    dispute = bar.attack(lease, SERVED + DAY, by=OTTO)
    bar.decide(dispute, SERVED + DAY - 50_000)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["slashed"], moved["fee"]) == (REJECTED, 0, 0)
    assert bar.agreement(lease)["downtime"] == 50_000
    assert (bar.credit(ANN), bar.credit("JackpotPool"), bar.credit(bar.first)) == (
        15 * DOLLAR,
        10 * DOLLAR,
        ARBITER_FEE,
    )
    assert bar.stake()["free"] == FREE - PLEDGE
    bar.settled()


def test_upward__appealed_by_the_customer__who_loses_to_the_provider() -> None:
    """The customer's single bond of 55 is the second fee."""
    bar = open_bar()
    lease = running(bar)
    reported(bar, lease, 50_000)
    dispute = bar.attack(lease, SERVED + DAY, by=OTTO)
    bar.expire(dispute)
    bar.rule(dispute, SERVED + DAY)
    receipt = bar.appeal(dispute, 100 * DOLLAR, ANN)
    assert receipt.event("Appealed").args["forChallenger"] is False
    assert receipt.event("AppealFunded").args["amount"] == 55 * DOLLAR
    bar.rule(dispute, SERVED + DAY, 2)
    bar.execute(dispute)
    assert (bar.credit(bar.first), bar.credit(bar.second)) == (ARBITER_FEE, 55 * DOLLAR)
    assert (bar.credit(OTTO), bar.credit(ANN)) == (BOND - ARBITER_FEE, 0)
    bar.settled()


def test_upward__appealed_by_the_provider__is_for_the_challenger() -> None:
    """Lost twice: 15 + 27 to the customer, 10 + 18 to the jackpot."""
    bar = open_bar()
    lease = running(bar)
    reported(bar, lease, 50_000)
    dispute = bar.attack(lease, SERVED + DAY, by=OTTO)
    bar.expire(dispute)
    bar.rule(dispute, SERVED)
    receipt = bar.appeal(dispute, 100 * DOLLAR, OTTO)
    assert receipt.event("Appealed").args["forChallenger"] is True
    bar.rule(dispute, SERVED, 2)
    bar.execute(dispute)
    assert (bar.credit(ANN), bar.credit("JackpotPool")) == (42 * DOLLAR, 28 * DOLLAR)
    bar.settled()


def test_late_downtime__a_dispute_that_changes_nothing_takes_nothing_back() -> None:
    """After 400 000 seconds 14.08 dollars are paid; then 350 000 seconds of downtime are reported: by the
    clock only 136 400 seconds are owed, 13.64. Whoever loses a dispute about that gets nothing out of it."""
    for upward in (False, True):
        bar = open_bar()
        lease = running(bar)
        reported(bar, lease, 350_000)
        attacked = SERVED + DAY - 350_000
        assert attacked * 100 < PAID
        dispute = bar.attack(lease, SERVED, by=OTTO) if upward else bar.attack(lease, 0)
        bar.decide(dispute, attacked)
        moved = bar.execute(dispute)
        assert (moved["outcome"], moved["overpaid"], moved["paid"]) == (REJECTED, 0, 0)
        record = bar.agreement(lease)
        assert (record["status"], record["paid"], record["downtime"]) == (Status.OPEN, PAID, 350_000)


def test_clock__runs_on_and_close_works_while_it_is_frozen() -> None:
    """Closed in the dispute, it ends with the notice, long before the ruling; the rest is paid by the
    refund."""
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 300_000)
    bar.desk.escrow.transact("close", lease, sender=ANN)
    end = bar.now + 3_600
    assert bar.desk.escrow.transact("poke", [lease], sender=MALLORY).result == 0
    bar.decide(dispute, 350_000)
    assert bar.view(dispute)["attacked"] == SERVED
    bar.execute(dispute)
    record = bar.agreement(lease)
    assert (record["stopAt"], record["downtime"], record["paid"]) == (end, 50_000, 35 * DOLLAR)
    not_before = bar.clear(dispute)
    bar.evm.warp_to(not_before - 1)
    with reverts("Escrow_NotRefundableYet", agreement=lease, refundableAt=not_before):
        bar.desk.escrow.transact("refund", lease, sender=ANN)
    bar.evm.warp(1)
    bar.desk.escrow.transact("refund", lease, sender=ANN)
    assert bar.agreement(lease)["paid"] == (SERVED + 3_600 - 50_000) * 100
    bar.settled()


def test_clock__past_its_end__is_disputed_up_to_the_end() -> None:
    bar = open_bar()
    lease = bar.lease()
    bar.evm.warp(1_000_000 + 2 * DAY)
    dispute = bar.attack(lease, 0)
    assert bar.view(dispute)["attacked"] == 1_000_000
    bar.decide(dispute, 5_000_000)
    assert bar.execute(dispute)["paid"] == HUNDRED


def test_clock__not_begun__there_is_nothing_to_dispute() -> None:
    bar = open_bar()
    waiting = bar.lease(TEE)
    with reverts("Court_NothingDisputed", attacked=0, claimed=0):
        bar.attack(waiting, 0)
    with reverts("Court_NothingDisputed", attacked=0, claimed=1):
        bar.attack(waiting, 1, by=OTTO)
    later = bar.lease(start=bar.now + DAY)
    with reverts("Court_NothingDisputed", attacked=0, claimed=0):
        bar.attack(later, 0)


@pytest.mark.parametrize("policy", [1, QUORUM])
def test_silence__on_a_clock(policy: int) -> None:
    """NONE: the seconds that Carol disputes are not paid, those that she leaves are, and nothing is taken
    back. QUORUM: the clock stands."""
    bar = open_bar()
    lease = running(bar, policy)
    dispute = bar.attack(lease, 300_000)
    bar.evm.warp(5 * DAY)
    assert bar.view(dispute)["outcome"] == SILENT
    moved = bar.execute(dispute)
    stand = 300_000 if policy == 1 else SERVED
    assert (moved["units"], moved["paid"], moved["fee"]) == (stand, stand * 100 - PAID, 0)
    assert bar.agreement(lease)["downtime"] == SERVED - stand
    assert bar.credit(CAROL) == BOND
    assert bar.view(dispute)["state"] == State.COOLING
    bar.settled()


def test_silence__on_a_clock_below_what_is_paid__nothing_is_taken_back() -> None:
    bar = open_bar()
    lease = running(bar)
    dispute = bar.attack(lease, 0)
    bar.evm.warp(5 * DAY)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["overpaid"]) == (SILENT, 0, 0)
    record = bar.agreement(lease)
    # The 140 800 seconds that are paid stay served: later ones do not have to make up for them.
    assert (record["paid"], record["downtime"], record["status"]) == (PAID, SERVED - 140_800, Status.OPEN)


def test_silence__upward__the_downtime_stays() -> None:
    bar = open_bar()
    lease = running(bar)
    reported(bar, lease, 50_000)
    dispute = bar.attack(lease, SERVED + DAY, by=OTTO)
    bar.evm.warp(5 * DAY)
    assert bar.execute(dispute)["units"] == SERVED + DAY - 50_000
    assert bar.agreement(lease)["downtime"] == 50_000
    assert bar.credit(OTTO) == BOND


def test_lease__opened_and_disputed_in_its_first_second() -> None:
    bar = open_bar()
    lease = bar.lease()
    with reverts("Court_NothingDisputed", attacked=0, claimed=0):
        bar.attack(lease, 0)
    bar.evm.warp(1)
    dispute = bar.attack(lease, 0, CLOCK)
    bar.decide(dispute, 0)
    moved = bar.execute(dispute)
    assert (moved["outcome"], moved["paid"], moved["slashed"]) == (UPHELD, 0, 0)
    assert bar.agreement(lease)["downtime"] == 1
