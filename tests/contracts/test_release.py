"""Instant release: a posted leaf paid inside its window; what it moved stays reserved until exactly one end."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.enums import KeyKind, ReceiptFault, SkipReason
from tallystick.protocol.figures import encode_figure
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, SAM, Posted
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.receipts import (
    DEVICE,
    NONE,
    OUTPUT,
    QUORUM,
    VERIFIER_KEYS,
    VERIFIERS,
    Bench,
    open_bench,
    release_request,
)
from tests.support.system import DOLLAR

MINIMUM = 1_000 * DOLLAR
RESPONSE = 21_600
EMPTY = {"agreement": 0, "amount": 0, "fees": 0, "operator": 0, "answered": False}
STRANGER = account("stranger")


def refused(receipt: Receipt) -> list[tuple[int, int, int]]:
    """(item, index, reason) of every leaf that was not released."""
    return [
        (log.args["item"], log.args["index"], log.args["reason"]) for log in receipt.events("ReleaseRefused")
    ]


def one_refusal(bench: Bench, batch: Posted, index: int = 0, sender: Account = OTTO) -> SkipReason:
    """Why a leaf is not released; nothing is reserved, nothing moves."""
    before = bench.stake_of(1), bench.ledger.call("batchOf", batch.number)
    receipt = bench.release(batch, index, sender=sender)
    assert (receipt.result, receipt.events("Released")) == (0, [])
    assert before == (bench.stake_of(1), bench.ledger.call("batchOf", batch.number))
    ((item, place, reason),) = refused(receipt)
    assert (item, place) == (0, index)
    return SkipReason(reason)


def released(bench: Bench, units: int = 400, **changes: Any) -> Posted:
    """A batch with agreement 7 in it, its one leaf released."""
    bench.agree(7, **changes)
    batch = bench.post([(7, units)], policy=changes.get("policy", NONE))
    assert bench.release(batch, 0).result != 0
    return batch


# Happy


def test_release__pays_at_once_and_reserves_gross_and_customer_fee() -> None:
    bench = open_bench()
    bench.agree(7, feeCustomer=200)
    batch = bench.post([(7, 400)], value=1_000)
    receipt = bench.release(batch, 0)
    # Gross 400; fees floor(400 x 2 %) = 8 of the customer, floor(400 x 5 %) = 20 of the provider.
    assert receipt.result == 408
    assert receipt.event("Released").args == {
        "batch": batch.number, "index": 0, "agreement": 7, "amount": 408, "fees": 28,
    }  # fmt: skip
    order = {"policy": NONE, "postedAt": bench.now, "cap": 1_000, "grossCap": 0}
    assert receipt.event("SettleRelease").args == {"order": order, "agreement": 7, "units": 400}
    assert bench.stake_of(1)["reserved"] == 408
    assert bench.ledger.call("releaseOf", batch.number, 0) == {
        "agreement": 7, "amount": 408, "fees": 28, "operator": 1, "answered": False,
    }  # fmt: skip
    assert bench.ledger.call("batchOf", batch.number)["moved"] == 408
    assert bench.ledger.call("inFlight", 2) == 1_000  # until the window ends


def test_release__then_the_batch_settles__only_what_is_left() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 50)], value=450)
    assert bench.release(batch, 0).result == 400
    bench.evm.warp(DAY)
    receipt = bench.ledger.transact("settle", batch.number, batch.figures, sender=MALLORY)
    assert receipt.result == 50
    assert receipt.event("Settle").args["order"]["cap"] == 50
    assert bench.ledger.call("batchOf", batch.number)["moved"] == 450


def test_release__of_the_rise_only() -> None:
    bench = open_bench()
    bench.agree(7, paid=150, feeCustomer=100)
    batch = bench.post([(7, 400)])
    # 400 - 150; floor(400 x 1 %) - floor(150 x 1 %) = 4 - 1.
    assert bench.release(batch, 0).result == 253
    assert bench.stake_of(1)["reserved"] == 253


def test_release__up_to_the_budget() -> None:
    bench = open_bench()
    bench.agree(7, budget=300)
    batch = bench.post([(7, 2**80 - 1)])
    assert bench.release(batch, 0).result == 300


def test_release__many__each_by_itself() -> None:
    bench = open_bench()
    for number in (7, 8, 9):
        bench.agree(number)
    bench.agree(10, frozen=True)
    batch = bench.post([(7, 10), (8, 20), (9, 30), (10, 40)])
    requests = [
        release_request(batch, 0),
        release_request(batch, 0),
        release_request(batch, 3),
        release_request(batch, 1, output=bytes(32)),
        release_request(batch, 2),
    ]
    receipt = bench.ledger.transact("release", requests, sender=OTTO)
    assert receipt.result == 40
    assert refused(receipt) == [
        (1, 0, SkipReason.NOT_RELEASABLE),
        (2, 3, SkipReason.FROZEN),
        (3, 1, SkipReason.NOT_RELEASABLE),
    ]
    assert bench.stake_of(1)["reserved"] == 40
    with reverts("ReceiptLedger_TooManyItems", items=129):
        bench.ledger.transact("release", [requests[0]] * 129, sender=OTTO)


def test_release__greatest_amount_and_fees__are_kept_whole() -> None:
    """The whole budget of 2^56 - 1 µ at 1 000 bps on each side, of a self-post, whose value is not declared."""
    bench = open_bench()
    most = 2**56 - 1
    bench.system.fund(OTTO, 2**57, bench.staking)
    bench.staking.transact("stake", 1, 2**57, sender=OTTO)
    bench.agree(7, budget=most, feeProvider=1_000, feeCustomer=1_000)
    (number,) = bench.self_post(bench.signed(7, 2**80 - 1)).result
    leaf = Posted(number, encode_figure(7, 2**80 - 1), OUTPUT)
    assert bench.release(leaf, 0).result == most + most // 10
    assert bench.ledger.call("releaseOf", number, 0) == {
        "agreement": 7, "amount": most + most // 10, "fees": 2 * (most // 10), "operator": 1, "answered": False,
    }  # fmt: skip
    bench.evm.warp(3 * DAY)
    receipt = bench.ledger.transact("finalise", number, [0], sender=MALLORY)
    assert receipt.event("FinaliseRelease").args["fees"] == 2 * (most // 10)
    assert bench.stake_of(1)["reserved"] == 100 * DOLLAR  # the bond, until it is retired


# Who


@pytest.mark.parametrize("who", [ANN, RITA, PAULA, MALLORY])
def test_release__by_anybody_without_leave__refused(who: Account) -> None:
    bench = open_bench()
    bench.agree(7)
    batch = bench.post([(7, 400)])
    assert one_refusal(bench, batch, sender=who) == SkipReason.NOT_RELEASABLE


def test_release__by_the_payee_with_standing_consent__until_it_is_withdrawn() -> None:
    bench = open_bench()
    bench.agree(7)
    batch = bench.post([(7, 400)])
    bench.staking.transact("setReleaseConsent", 1, 2, True, sender=OTTO)
    assert one_refusal(bench, batch, sender=SAM) == SkipReason.NOT_RELEASABLE
    assert bench.release(batch, 0, sender=PAULA).result == 400
    bench.staking.transact("setReleaseConsent", 1, 2, False, sender=OTTO)
    batch = bench.post([(7, 500)])
    assert one_refusal(bench, batch, sender=PAULA) == SkipReason.NOT_RELEASABLE


# What


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": 0}, SkipReason.UNKNOWN_AGREEMENT),
        ({"status": 2}, SkipReason.CLOSED),
        ({"policy": QUORUM}, SkipReason.OTHER_POLICY),
        ({"mode": 1}, SkipReason.NOT_METERED),
        ({"frozen": True}, SkipReason.FROZEN),
        ({"holds": 200}, SkipReason.NOT_RELEASABLE),
        ({"paid": 400}, SkipReason.STALE),
        ({"budget": 300, "paid": 300}, SkipReason.STALE),
    ],
)
def test_release__agreement_that_does_not_allow_it__refused(
    changes: dict[str, Any], reason: SkipReason
) -> None:
    bench = open_bench()
    bench.agree(7, **changes)
    assert one_refusal(bench, bench.post([(7, 400)])) == reason


def test_release__of_the_200th_hold__is_the_last() -> None:
    bench = open_bench()
    bench.agree(7, holds=199)
    assert bench.release(bench.post([(7, 400)]), 0).result == 400
    assert one_refusal(bench, bench.post([(7, 500)])) == SkipReason.NOT_RELEASABLE


def test_release__where_the_policy_does_not_allow_it__refused() -> None:
    bench = open_bench()
    policy = bench.system.add_policy(relayer=2, instantRelease=False)
    bench.agree(7, policy=policy)
    assert one_refusal(bench, bench.post([(7, 400)], policy=policy)) == SkipReason.NOT_RELEASABLE


def test_release__above_the_policys_cap_for_one_agreement__refused() -> None:
    bench = open_bench()
    policy = bench.system.add_policy(relayer=2, grossCap=400)
    bench.agree(7, policy=policy)
    bench.agree(8, policy=policy)
    batch = bench.post([(7, 401), (8, 400)], policy=policy)
    assert one_refusal(bench, batch, 0) == SkipReason.ABOVE_BATCH_CAP
    assert bench.release(batch, 1).result == 400


def test_release__above_the_batchs_value__refused() -> None:
    bench = open_bench()
    bench.agree(7, feeCustomer=1_000)
    bench.agree(8)
    batch = bench.post([(7, 100), (8, 50)], value=159)
    assert bench.release(batch, 1).result == 50
    # 100 and a fee of 10 do not fit into the 109 that are left.
    assert one_refusal(bench, batch, 0) == SkipReason.ABOVE_DECLARED_VALUE


def test_release__stake_that_does_not_reach__refused_to_the_last_micro() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 401)])
    bench.set_free(1, OTTO, MINIMUM + 400)
    assert one_refusal(bench, batch, 1) == SkipReason.NOT_RELEASABLE
    assert bench.release(batch, 0).result == 400
    assert bench.stake_of(1) == {
        "free": MINIMUM, "pledged": 0, "reserved": 400, "thawing": 100_000 * DOLLAR - MINIMUM - 400,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 1},
        {"index": 2},
        {"index": 2**16 - 1},
        {"figure": encode_figure(7, 401)},
        {"output": bytes(32)},
        {"proof": []},
        {"batch": 5},
        {"batch": (1 << 80) | (2 << 48) | 1},
    ],
)
def test_release__wrong_leaf__refused(changes: dict[str, Any]) -> None:
    bench = open_bench()
    bench.agree(7)
    batch = bench.post([(7, 400), (8, 1)])
    receipt = bench.ledger.transact("release", [release_request(batch, 0, **changes)], sender=OTTO)
    assert [reason for _, _, reason in refused(receipt)] == [SkipReason.NOT_RELEASABLE]
    assert bench.stake_of(1)["reserved"] == 0


def test_release__window_over__refused_to_the_second() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8)
    batch = bench.post([(7, 400), (8, 1)])
    bench.evm.warp(DAY - 1)
    assert bench.release(batch, 0).result == 400
    bench.evm.warp(1)
    assert one_refusal(bench, batch, 1) == SkipReason.NOT_RELEASABLE


def test_release__escrow_that_pays_less_or_nothing__reserves_just_that() -> None:
    """The real one pays what was worked out, to the µ; were it not so, no more than was paid stays reserved."""
    bench = open_bench()
    bench.agree(7)
    bench.escrow.transact("setShort", 30, sender=MALLORY)
    batch = bench.post([(7, 400)])
    assert bench.release(batch, 0).result == 370
    assert bench.stake_of(1)["reserved"] == 370
    bench.escrow.transact("setShort", 10**9, sender=MALLORY)
    assert one_refusal(bench, bench.post([(7, 500)])) == SkipReason.NOT_RELEASABLE


# Finalised


def test_finalise__by_anyone_when_the_window_is_over__once() -> None:
    bench = open_bench()
    batch = released(bench)
    ends = bench.now + DAY
    bench.evm.warp_to(ends - 1)
    with reverts("ReceiptLedger_WindowOpen", batch=batch.number, endsAt=ends):
        bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    bench.evm.warp_to(ends)
    receipt = bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert receipt.event("FinaliseRelease").args == {"agreement": 7, "fees": 20, "good": True}
    (told,) = [log for log in receipt.events("ReleaseFinalised") if log.address == bench.ledger.address]
    assert told.args == {"batch": batch.number, "index": 0}
    assert bench.stake_of(1)["reserved"] == 0
    assert bench.stake_of(1)["free"] == 100_000 * DOLLAR
    assert bench.ledger.call("releaseOf", batch.number, 0) == EMPTY
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)


def test_finalise__several__leaves_out_what_is_over_or_never_was() -> None:
    bench = open_bench()
    for number in (7, 8, 9):
        bench.agree(number)
    batch = bench.post([(7, 10), (8, 20), (9, 30)])
    bench.release(batch, 0, 2)
    bench.evm.warp(DAY)
    receipt = bench.ledger.transact("finalise", batch.number, [2, 2, 1, 99, 2**255], sender=MALLORY)
    assert [log.args["agreement"] for log in receipt.events("FinaliseRelease")] == [9]
    assert bench.stake_of(1)["reserved"] == 10
    bench.ledger.transact("finalise", batch.number, [0, 1, 2], sender=MALLORY)
    assert bench.stake_of(1)["reserved"] == 0
    with reverts("ReceiptLedger_TooManyItems", items=257):
        bench.ledger.transact("finalise", batch.number, [0] * 257, sender=MALLORY)
    with reverts("ReceiptLedger_UnknownBatch", batch=5):
        bench.ledger.transact("finalise", 5, [0], sender=MALLORY)


# Cancelled


def cancel(bench: Bench, batch: Posted) -> int:
    """Cancels a batch; returns when the time for answers ends."""
    bench.ledger.transact("cancel", batch.number, sender=bench.system.admin)
    return bench.now + RESPONSE


def answer(bench: Bench, batch: Posted, item: tuple[Any, ...]) -> Receipt:
    return bench.ledger.transact("answerRelease", batch.number, 0, item, sender=MALLORY)


def test_cancelled__nothing_more_is_released_or_settled() -> None:
    bench = open_bench()
    bench.agree(8)
    bench.agree(7)
    batch = bench.post([(7, 400), (8, 5)])
    bench.release(batch, 0)
    cancel(bench, batch)
    assert one_refusal(bench, batch, 1) == SkipReason.VOID
    bench.evm.warp(DAY)
    with reverts("ReceiptLedger_Cancelled", batch=batch.number):
        bench.ledger.transact("settle", batch.number, batch.figures, sender=MALLORY)
    proof = batch.proof(0)
    with reverts("ReceiptLedger_Cancelled", batch=batch.number):
        values = (0, batch.figure(0), batch.output(0), proof)
        bench.ledger.transact("settleOne", batch.number, *values, sender=MALLORY)


def test_cancelled__unanswered__the_reservation_goes_to_the_funders_owner() -> None:
    bench = open_bench()
    batch = released(bench, funder=3)
    ends = cancel(bench, batch)
    with reverts("ReceiptLedger_NothingToFinalise"):
        bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    bench.evm.warp_to(ends - 1)
    with reverts("ReceiptLedger_ResponseOpen", batch=batch.number, endsAt=ends):
        bench.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    bench.evm.warp_to(ends)
    with reverts("ReceiptLedger_ResponseOver", batch=batch.number, endedAt=ends):
        answer(bench, batch, bench.signed(7, 400))
    receipt = bench.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    assert receipt.event("MadeGood").args == {
        "batch": batch.number, "index": 0, "victim": SAM.address, "amount": 400,
    }  # fmt: skip
    assert receipt.event("FinaliseRelease").args == {"agreement": 7, "fees": 20, "good": False}
    assert bench.staking.call("credits", SAM.address) == 400
    assert bench.stake_of(1)["reserved"] == 0
    assert sum(bench.stake_of(1).values()) == 100_000 * DOLLAR - 400
    bench.evm.warp(DAY)
    with reverts("ReceiptLedger_NotReleased", batch=batch.number, index=0):
        bench.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert bench.staking.call("credits", SAM.address) == 400


def test_cancelled__answered_with_full_signatures__is_good_and_ends_at_once() -> None:
    bench = open_bench()
    batch = released(bench, policy=QUORUM)
    ends = cancel(bench, batch)
    bench.evm.warp_to(ends - 1)
    item = bench.signed(7, 400, period_start=bench.now - 10, verdicts=[3, 5])
    receipt = answer(bench, batch, item)
    assert receipt.event("ReleaseAnswered").args == {"batch": batch.number, "index": 0}
    assert bench.ledger.call("releaseOf", batch.number, 0)["answered"] is True
    with reverts("ReceiptLedger_Answered", batch=batch.number, index=0):
        answer(bench, batch, item)
    bench.evm.warp_to(ends)
    with reverts("ReceiptLedger_Answered", batch=batch.number, index=0):
        bench.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    receipt = bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert receipt.event("FinaliseRelease").args["good"] is True
    assert bench.stake_of(1)["reserved"] == 0
    with reverts("ReceiptLedger_NothingToFinalise"):
        bench.ledger.transact("finalise", batch.number, [0], sender=MALLORY)


def test_answer__for_more_units_or_accepted_by_the_customer__is_good_too() -> None:
    bench = open_bench()
    for how in ({"verdicts": [3, 4]}, {"customer": ANN}):
        bench = open_bench()
        batch = released(bench, policy=QUORUM)
        cancel(bench, batch)
        answer(bench, batch, bench.signed(7, 401, **how))


def test_answer__too_little_another_agreement_or_not_full__refused() -> None:
    bench = open_bench()
    batch = released(bench, policy=QUORUM)
    bench.agree(8, policy=QUORUM)
    with reverts("ReceiptLedger_NotCancelled", batch=batch.number):
        answer(bench, batch, bench.signed(7, 400, verdicts=[3, 4]))
    with reverts("ReceiptLedger_NotCancelled", batch=batch.number):
        bench.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    cancel(bench, batch)
    wrong: list[tuple[tuple[Any, ...], ReceiptFault]] = [
        (bench.signed(7, 399, verdicts=[3, 4]), ReceiptFault.NOTHING_DUE),
        (bench.signed(8, 400, verdicts=[3, 4]), ReceiptFault.UNKNOWN_AGREEMENT),
        (bench.signed(7, 400), ReceiptFault.NOT_ENOUGH_VERDICTS),
        (bench.signed(7, 400, device=STRANGER, verdicts=[3, 4]), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (bench.signed(7, 400, customer=MALLORY), ReceiptFault.BAD_ACCEPTANCE),
    ]
    for item, fault in wrong:
        with reverts("ReceiptLedger_BadAnswer", batch=batch.number, index=0, reason=fault):
            answer(bench, batch, item)
    with reverts("ReceiptLedger_NotReleased", batch=batch.number, index=1):
        bench.ledger.transact("answerRelease", batch.number, 1, wrong[0][0], sender=MALLORY)
    with reverts("ReceiptLedger_NotReleased", batch=batch.number, index=1):
        bench.ledger.transact("makeGood", batch.number, 1, sender=MALLORY)


def test_answer__keys__judged_by_what_was_good_when_the_batch_was_posted() -> None:
    """A verifier's key revoked since then counts, one authorised since then does not."""
    bench = open_bench()
    batch = released(bench, policy=QUORUM)
    bench.evm.warp(10)
    new = account("newer verifier key")
    kind = int(KeyKind.VERIFIER)
    bench.staking.transact("authoriseKey", 4, kind, new.address, sender=VERIFIERS[4])
    bench.staking.transact("revokeKey", 4, kind, VERIFIER_KEYS[4].address, sender=VERIFIERS[4])
    bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    cancel(bench, batch)
    with reverts("ReceiptLedger_BadAnswer", reason=ReceiptFault.NOT_ENOUGH_VERDICTS):
        answer(bench, batch, bench.signed(7, 400, verdicts=[3, (4, new)]))
    answer(bench, batch, bench.signed(7, 400, verdicts=[3, 4]))


def test_reserved__equals_the_open_releases__whatever_ends_them() -> None:
    bench = open_bench()
    for number in (7, 8, 9, 10):
        bench.agree(number)
    first, second = bench.post([(7, 10), (8, 20)]), bench.post([(9, 40), (10, 80)])
    bench.release(first, 0, 1)
    bench.release(second, 0, 1)
    assert bench.stake_of(1)["reserved"] == 150
    cancel(bench, first)
    answer(bench, first, bench.signed(7, 10))
    bench.evm.warp(RESPONSE)
    bench.ledger.transact("makeGood", first.number, 1, sender=MALLORY)
    assert bench.stake_of(1)["reserved"] == 130
    bench.evm.warp(DAY)
    bench.ledger.transact("finalise", first.number, [0, 1], sender=MALLORY)
    bench.ledger.transact("finalise", second.number, [1], sender=MALLORY)
    assert bench.stake_of(1)["reserved"] == 40
    assert bench.staking.call("credits", ANN.address) == 20
