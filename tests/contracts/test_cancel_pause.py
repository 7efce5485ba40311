"""What the guardian may do: cancel a relayer's batch inside its window, pause its posting; and what goes on."""

from __future__ import annotations

import pytest

from tests.support.escrow import ANN, DAY, MALLORY, OTTO, RITA, SIGNER
from tests.support.evm import Account, account, reverts
from tests.support.receipts import NONE, QUORUM, Bench, open_bench

MAX_PAUSE = 259_200
RESPITE = 30 * DAY
GUARDIAN = account("guardian")


def guarded() -> Bench:
    """A bench with a guardian of these three functions."""
    bench = open_bench()
    authority, admin = bench.system.authority, bench.system.admin
    selectors = [
        bench.ledger.encode(*call)[:4] for call in (("cancel", 0), ("pausePosting", 0), ("resumePosting",))
    ]
    authority.transact("setTargetFunctionRole", bench.ledger.address, selectors, 5, sender=admin)
    authority.transact("grantRole", 5, GUARDIAN.address, 0, sender=admin)
    bench.agree(7)
    return bench


def test_roles__of_anybody_else__refused() -> None:
    bench = guarded()
    batch = bench.post([(7, 1)])
    for who in (ANN, OTTO, RITA, SIGNER, MALLORY, bench.system.admin):
        for name, values in (("cancel", (batch.number,)), ("pausePosting", (1,)), ("resumePosting", ())):
            with reverts("AccessManagedUnauthorized", caller=who.address):
                bench.ledger.transact(name, *values, sender=who)


# Cancelling


def test_cancel__takes_the_value_out_of_flight_and_raises_the_refund_floor() -> None:
    bench = guarded()
    batch, other = bench.post([(7, 1)], value=700), bench.post([(7, 2)], value=30)
    receipt = bench.ledger.transact("cancel", batch.number, sender=GUARDIAN)
    assert receipt.event("BatchCancelled").args == {"batch": batch.number, "cancelledAt": bench.now}
    assert receipt.event("BatchRetired").args == {"batch": batch.number, "value": 700}
    # POST_GRACE, the self-post window and SETTLE_GRACE from now on.
    floor = bench.now + 86_400 + 259_200 + 86_400
    assert receipt.event("RaiseRefundFloor").args == {"policy": NONE, "until": floor}
    assert bench.ledger.call("inFlight", 2) == 30
    assert bench.ledger.call("cancelledAt", batch.number) == bench.now
    assert bench.ledger.call("cancelledAt", other.number) == 0
    assert bench.ledger.call("batchOf", batch.number)["flags"] == 1 | 8
    bench.evm.warp(DAY)
    with reverts("ReceiptLedger_AlreadyRetired", batch=batch.number):
        bench.ledger.transact("retire", batch.number, sender=MALLORY)
    bench.ledger.transact("settle", other.number, other.figures, sender=MALLORY)
    assert bench.ledger.call("inFlight", 2) == 0


def test_cancel__in_the_last_second_and_one_later() -> None:
    bench = guarded()
    first, second = bench.post([(7, 1)]), bench.post([(7, 2)])
    ends = bench.now + DAY
    bench.evm.warp_to(ends - 1)
    bench.ledger.transact("cancel", first.number, sender=GUARDIAN)
    bench.evm.warp_to(ends)
    with reverts("ReceiptLedger_WindowOver", batch=second.number, endedAt=ends):
        bench.ledger.transact("cancel", second.number, sender=GUARDIAN)
    with reverts("ReceiptLedger_Cancelled", batch=first.number):
        bench.ledger.transact("cancel", first.number, sender=GUARDIAN)
    with reverts("ReceiptLedger_Cancelled", batch=first.number):
        bench.ledger.transact("settle", first.number, first.figures, sender=MALLORY)


def test_cancel__a_third_time_in_thirty_days__refused_in_that_policy_alone() -> None:
    bench = guarded()
    began = bench.now
    for day in (0, 10):
        bench.evm.warp_to(began + day * DAY)
        bench.ledger.transact("cancel", bench.post([(7, 1)]).number, sender=GUARDIAN)
    bench.evm.warp_to(began + RESPITE - 1)
    third = bench.post([(7, 1)])
    with reverts("ReceiptLedger_TooManyCancels", policy=NONE, notBefore=began + RESPITE):
        bench.ledger.transact("cancel", third.number, sender=GUARDIAN)
    bench.ledger.transact("cancel", bench.post([(8, 1)], policy=QUORUM).number, sender=GUARDIAN)
    bench.evm.warp(1)
    bench.ledger.transact("cancel", third.number, sender=GUARDIAN)
    # The one of day 10 counts until day 40.
    bench.evm.warp(DAY)
    with reverts("ReceiptLedger_TooManyCancels", policy=NONE, notBefore=began + 10 * DAY + RESPITE):
        bench.ledger.transact("cancel", bench.post([(7, 1)]).number, sender=GUARDIAN)


def test_cancel__unknown_batch__refused() -> None:
    bench = guarded()
    with reverts("ReceiptLedger_UnknownBatch", batch=5):
        bench.ledger.transact("cancel", 5, sender=GUARDIAN)


def test_cancelled_leaf__stays_payable_by_signatures_and_self_post() -> None:
    bench = guarded()
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 50)])
    bench.ledger.transact("cancel", batch.number, sender=GUARDIAN)
    assert bench.collect(bench.signed(7, 400, customer=ANN)).result == 400
    (again,) = bench.self_post(bench.signed(8, 50)).result
    bench.evm.warp(3 * DAY)
    assert bench.settle_posted(again, 8, 50).result == 50


# Pausing


def test_pause__stops_the_relayers_post_alone_and_ends_by_itself() -> None:
    bench = guarded()
    bench.agree(8, mode=1)
    early = bench.post([(7, 1)])
    receipt = bench.ledger.transact("pausePosting", MAX_PAUSE, sender=GUARDIAN)
    until = bench.now + MAX_PAUSE
    assert receipt.event("PostingPaused").args == {"until": until}
    assert bench.ledger.call("postingPause") == (until, until + RESPITE)
    with reverts("ReceiptLedger_PostingPaused", until=until):
        bench.post([(7, 2)])
    # Everything else goes on.
    assert bench.release(early, 0).result == 1
    assert bench.collect(bench.signed(7, 3, customer=ANN)).result == 2
    bench.ledger.transact("reportDowntime", [bench.signed(8, 3)], sender=MALLORY)
    bench.evm.warp(DAY)
    bench.ledger.transact("settle", early.number, early.figures, sender=MALLORY)
    bench.ledger.transact("finalise", early.number, [0], sender=MALLORY)
    assert bench.self_post(bench.signed(7, 4)).result != [0]
    bench.ledger.transact("postSigned", NONE, [bench.signed(7, 5)], sender=MALLORY)
    bench.evm.warp_to(until - 1)
    with reverts("ReceiptLedger_PostingPaused", until=until):
        bench.post([(7, 6)])
    bench.evm.warp_to(until)
    bench.post([(7, 6)])


def test_pause__longer_than_the_longest__refused() -> None:
    bench = guarded()
    with reverts("ReceiptLedger_PauseRefused", until=bench.now + MAX_PAUSE + 1, notBefore=0):
        bench.ledger.transact("pausePosting", MAX_PAUSE + 1, sender=GUARDIAN)
    with reverts("ReceiptLedger_PauseRefused"):
        bench.ledger.transact("pausePosting", 2**32 - 1, sender=GUARDIAN)
    assert bench.ledger.call("postingPause") == (0, 0)


@pytest.mark.parametrize("who", [GUARDIAN])
def test_pause__again__thirty_days_after_its_end_and_not_a_second_sooner(who: Account) -> None:
    bench = guarded()
    bench.ledger.transact("pausePosting", 100, sender=who)
    ready = bench.now + 100 + RESPITE
    for moment in (bench.now, bench.now + 100, ready - 1):
        bench.evm.warp_to(moment)
        with reverts("ReceiptLedger_PauseRefused", until=moment + 1, notBefore=ready):
            bench.ledger.transact("pausePosting", 1, sender=who)
    bench.evm.warp_to(ready)
    bench.ledger.transact("pausePosting", 1, sender=who)


def test_resume__ends_the_pause_and_the_thirty_days_count_from_there() -> None:
    bench = guarded()
    bench.ledger.transact("pausePosting", 1_000, sender=GUARDIAN)
    bench.evm.warp(10)
    receipt = bench.ledger.transact("resumePosting", sender=GUARDIAN)
    assert len(receipt.events("PostingResumed")) == 1
    assert bench.ledger.call("postingPause") == (bench.now, bench.now + RESPITE)
    bench.post([(7, 1)])
    with reverts("ReceiptLedger_NotPaused"):
        bench.ledger.transact("resumePosting", sender=GUARDIAN)
    assert bench.ledger.call("postingPause") == (bench.now, bench.now + RESPITE)
