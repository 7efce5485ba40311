"""Leaves under challenge and void ones, and what a ruling recovers out of reservations, on the real
contracts.

Fees are 500 basis points of the provider and 100 of the customer; agreements have 1 µ a unit and a budget of
1 000 000 µ. The test plays Court and Challenges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest

from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import KeyKind, SkipReason, Status
from tallystick.protocol.figures import encode_figure
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, RITA, SAM, SIGNER, Desk, Posted, open_desk, skips
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.receipts import DEVICE, release_request, sign_receipt
from tests.support.system import DOLLAR

COURT, CHALLENGES = account("court"), account("challenges")
MONEY: Final = 100_000 * DOLLAR
RESPONSE: Final = 21_600
REF: Final = b"\x11" * 32
ANSWERED, VOID, MOOT = 0, 1, 2  # LeafEnd
BLOCKED, CANCELLED = 16, 8  # flags of a batch


def fit(desk: Desk) -> Desk:
    desk.escrow.transact("setFees", 500, 100, sender=desk.system.admin)
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    return desk


@pytest.fixture
def desk() -> Desk:
    return fit(open_desk())


def opened(desk: Desk, count: int, **changes: Any) -> list[int]:
    terms = {"expiry": desk.now + 30 * DAY} | changes
    return sorted(desk.opened_many([desk.terms(**terms) for _ in range(count)]))


def hold(desk: Desk, batch: Posted, index: int, /, **changes: Any) -> Receipt:
    """Challenges blocks a leaf."""
    return desk.ledger.transact("hold", release_request(batch, index, **changes), sender=CHALLENGES)


def unhold(desk: Desk, batch: Posted, index: int, end: int, agreement: int | None = None) -> Receipt:
    named = int.from_bytes(batch.figure(index)[:8], "big") if agreement is None else agreement
    return desk.ledger.transact("unhold", batch.number, index, named, end, sender=CHALLENGES)


def settle_one(desk: Desk, batch: Posted, index: int) -> Receipt:
    leaf = release_request(batch, index)
    return desk.ledger.transact("settleOne", *leaf, sender=MALLORY)


def release(desk: Desk, batch: Posted, *indices: int) -> Receipt:
    requests = [release_request(batch, index) for index in indices]
    return desk.ledger.transact("release", requests, sender=OTTO)


def finalise(desk: Desk, batch: Posted | int, *indices: int) -> Receipt:
    number = batch if isinstance(batch, int) else batch.number
    return desk.ledger.transact("finalise", number, list(indices), sender=MALLORY)


def self_post(desk: Desk, agreement: int, units: int) -> int:
    """Otto posts a receipt of his own, for a bond of 100."""
    desk.evm.warp(1)
    claim = Claim(agreement, units, desk.now - 1, desk.now, b"\x5a" * 32, exclusive=True)
    item = sign_receipt(desk.evm, desk.ledger, claim)
    (number,) = desk.ledger.transact("selfPost", [item], sender=OTTO).result
    assert number
    return int(number)


def freeze(desk: Desk, agreement: int) -> None:
    desk.escrow.transact("freeze", agreement, sender=COURT)


def rule(desk: Desk, agreement: int, amount: int, *, lent: int = 0, good: Sequence[int] = (0, 0)) -> int:
    """A closing ruling without slash or fee; µ that it could not recover."""
    who = "0x" + "00" * 20
    order = (agreement, amount, True, False, 0, *good, lent, 0, 0, who, who, 0, 7)
    outcome = desk.escrow.transact("executeRuling", order, sender=COURT).result
    return int(outcome["overpaid"] - outcome["slash"]["recovered"] - outcome["slash"]["toVictim"])


def add_recovery(desk: Desk, agreement: int, due: int) -> Receipt:
    return desk.ledger.transact("addRecovery", agreement, due, sender=COURT)


def recovery(desk: Desk, agreement: int) -> tuple[int, int, int]:
    """(due, done, doneFees)."""
    row = desk.ledger.call("recoveryOf", agreement)
    return row["due"], row["done"], row["doneFees"]


def stake(desk: Desk) -> dict[str, int]:
    row = desk.system.staking.call("get", 1)
    return {part: row[part] for part in ("free", "pledged", "reserved", "thawing")}


def owed(desk: Desk, who: Account) -> int:
    return int(desk.system.staking.call("credits", who.address))


def check_books(desk: Desk) -> None:
    """The Escrow holds just what it owes; Staking just the stakes and the credits."""
    desk.check_solvent()
    staking = desk.system.staking
    parts = ("free", "pledged", "reserved", "thawing")
    rows = [staking.call("get", operator) for operator in range(1, staking.call("count") + 1)]
    total = sum(row[part] for row in rows for part in parts)
    assert total == staking.call("totalStake")
    assert desk.system.balance(staking) == total + staking.call("totalCredits")


# Who


@pytest.mark.parametrize("who", [ANN, OTTO, RITA, SIGNER, MALLORY, account("admin"), COURT])
def test_hold_and_unhold__by_anybody_but_challenges__refused(desk: Desk, who: Account) -> None:
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 50)])
    with reverts("ReceiptLedger_NotCourt", caller=who.address):
        desk.ledger.transact("hold", release_request(batch, 0), sender=who)
    hold(desk, batch, 0)
    with reverts("ReceiptLedger_NotCourt", caller=who.address):
        desk.ledger.transact("unhold", batch.number, 0, agreement, ANSWERED, sender=who)
    assert desk.agreement(agreement)["holds"] == 1


@pytest.mark.parametrize("who", [ANN, OTTO, RITA, SIGNER, MALLORY, account("admin"), CHALLENGES])
def test_recoveries__by_anybody_but_the_court__refused(desk: Desk, who: Account) -> None:
    for function, values in (("addRecovery", (7, 1)), ("endRecovery", (7,))):
        with reverts("ReceiptLedger_NotCourt", caller=who.address):
            desk.ledger.transact(function, *values, sender=who)
    assert recovery(desk, 7) == (0, 0, 0)


def test_at_its_own_address__answers_nothing(desk: Desk) -> None:
    alone = desk.evm.at("ReceiptLedgerDisputes", desk.system.at["ReceiptLedgerDisputes"])
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 50)])
    for function, values, who in (
        ("hold", (release_request(batch, 0),), CHALLENGES),
        ("unhold", (batch.number, 0, agreement, MOOT), CHALLENGES),
        ("addRecovery", (agreement, 1), COURT),
        ("endRecovery", (agreement,), COURT),
        ("makeGood", (batch.number, 0), MALLORY),
        ("blockedOf", (batch.number,), MALLORY),
        ("recoveryOf", (agreement,), MALLORY),
    ):
        with reverts("ReceiptLedger_NotHere"):
            alone.transact(function, *values, sender=who)
    assert desk.ledger.call("COURT") == COURT.address
    assert desk.ledger.call("CHALLENGES") == CHALLENGES.address


# Blocking a leaf


def test_hold__a_leaf_inside_its_window__is_blocked_told_and_held(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 50), (second, 60)])
    assert desk.ledger.call("blockedOf", batch.number) == (0, 0, 0)
    receipt = hold(desk, batch, 1)
    assert receipt.result == (second, 60, 1, 2)  # agreement, units, policy, relayer
    assert receipt.event("LeafBlocked").args == {"batch": batch.number, "index": 1, "agreement": second}
    assert desk.ledger.call("blockedOf", batch.number) == (0b10, 1, 0)
    assert desk.ledger.call("batchOf", batch.number)["flags"] == BLOCKED
    assert [desk.agreement(number)["holds"] for number in (first, second)] == [0, 1]
    with reverts("ReceiptLedger_LeafBlocked", batch=batch.number, index=1):
        hold(desk, batch, 1)
    hold(desk, batch, 0)
    assert desk.ledger.call("blockedOf", batch.number) == (0b11, 2, 0)


def test_hold__to_the_last_second_of_the_window(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 50)])
    ends = desk.now + DAY
    desk.evm.warp_to(ends)
    with reverts("ReceiptLedger_WindowOver", batch=batch.number, endedAt=ends):
        hold(desk, batch, 0)
    desk.evm.warp_to(ends - 1)
    hold(desk, batch, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 1},
        {"index": 2},
        {"index": 256},
        {"index": 2**16 - 1},
        {"figure": encode_figure(7, 50)},
        {"output": bytes(32)},
        {"proof": []},
    ],
)
def test_hold__what_is_not_a_leaf__refused(desk: Desk, changes: dict[str, Any]) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 50), (second, 60)])
    with reverts("ReceiptLedger_BadProof", batch=batch.number, index=changes.get("index", 0)):
        hold(desk, batch, 0, **changes)
    with reverts("ReceiptLedger_UnknownBatch", batch=5):
        hold(desk, batch, 0, batch=5)
    assert desk.ledger.call("blockedOf", batch.number) == (0, 0, 0)


def test_hold__leaves_that_stand_on_signatures__refused(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    own = Posted(self_post(desk, agreement, 40), encode_figure(agreement, 40), b"\x5a" * 32)
    with reverts("ReceiptLedger_NotChallengeable", batch=own.number):
        hold(desk, own, 0)
    desk.evm.warp(DAY)  # the relayer is silent
    claim = Claim(agreement, 50, desk.now - 1, desk.now, b"\x5a" * 32, exclusive=True)
    item = sign_receipt(desk.evm, desk.ledger, claim)
    number = desk.ledger.transact("postSigned", 1, [item], sender=MALLORY).result
    signed = Posted(number, encode_figure(agreement, 50), b"\x5a" * 32)
    with reverts("ReceiptLedger_NotChallengeable", batch=number):
        hold(desk, signed, 0)


def test_hold__agreement_that_is_not_open__refused(desk: Desk) -> None:
    closed, known = opened(desk, 2)
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    unknown = known + 1
    batch = desk.post([(closed, 50), (unknown, 5)])
    for index, number in ((0, closed), (1, unknown)):
        with reverts("Escrow_NotOpen", agreement=number):
            hold(desk, batch, index)
    assert desk.ledger.call("blockedOf", batch.number) == (0, 0, 0)


def test_hold__one_agreement_in_many_batches__255_times_and_no_more(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    batches = [desk.post([(agreement, 50)], value=50) for _ in range(256)]
    for batch in batches[:255]:
        hold(desk, batch, 0)
    assert desk.agreement(agreement)["holds"] == 255
    with reverts("Escrow_TooManyHolds", agreement=agreement):
        hold(desk, batches[255], 0)
    assert desk.ledger.call("blockedOf", batches[255].number) == (0, 0, 0)
    unhold(desk, batches[7], 0, VOID)
    hold(desk, batches[255], 0)
    assert desk.agreement(agreement)["holds"] == 255


def test_hold__first_and_last_leaf_of_256(desk: Desk) -> None:
    numbers = opened(desk, 256, budget=100)
    batch = desk.post([(number, 40) for number in numbers])
    for index in (0, 255):
        hold(desk, batch, index)
    assert desk.ledger.call("blockedOf", batch.number) == (1 | 1 << 255, 2, 0)
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert skips(receipt) == [(numbers[0], 40, SkipReason.VOID), (numbers[255], 40, SkipReason.VOID)]
    assert len(receipt.events("Settled")) == 254


# What a blocked leaf stops


def test_blocked__settle_pays_the_others_and_it_when_it_is_answered(desk: Desk) -> None:
    first, second, third = opened(desk, 3)
    batch = desk.post([(first, 1_000), (second, 2_000), (third, 3_000)])
    hold(desk, batch, 1)
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert receipt.result == 1_010 + 3_030
    assert skips(receipt) == [(second, 2_000, SkipReason.VOID)]
    receipt = settle_one(desk, batch, 1)
    assert (receipt.result, skips(receipt)) == (0, [(second, 2_000, SkipReason.VOID)])
    receipt = unhold(desk, batch, 1, ANSWERED)
    assert receipt.result is False
    told = {"batch": batch.number, "index": 1, "end": ANSWERED}
    assert receipt.event("LeafUnblocked").args == told
    assert desk.ledger.call("blockedOf", batch.number) == (0, 0, 0)
    assert settle_one(desk, batch, 1).result == 2_020
    check_books(desk)


def test_blocked__settle_one_of_another_leaf__is_paid(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 1_000), (second, 2_000)])
    hold(desk, batch, 0)
    desk.evm.warp(DAY)
    assert settle_one(desk, batch, 1).result == 2_020


def test_blocked__instant_release__refused_with_a_reason(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 1_000), (second, 2_000)])
    hold(desk, batch, 0)
    receipt = release(desk, batch, 0, 1)
    assert receipt.result == 2_020
    assert receipt.event("ReleaseRefused").args["reason"] == SkipReason.VOID
    unhold(desk, batch, 0, ANSWERED)
    assert release(desk, batch, 0).result == 1_010


def test_blocked__a_released_leaf__is_not_final_before_its_answer(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 1_000), (second, 2_000)])
    release(desk, batch, 0, 1)
    hold(desk, batch, 0)
    assert desk.agreement(first)["holds"] == 2
    desk.evm.warp(DAY)
    receipt = finalise(desk, batch, 0, 1)
    assert [log.args.get("index") for log in receipt.events("ReleaseFinalised") if "index" in log.args] == [1]
    assert stake(desk)["reserved"] == 1_010
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        finalise(desk, batch, 0)
    unhold(desk, batch, 0, ANSWERED)
    finalise(desk, batch, 0)
    assert stake(desk)["reserved"] == 0
    assert desk.agreement(first)["holds"] == 0


def test_blocked__refund_early_refund_replace_and_a_leases_clock__wait(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    lease = desk.lease(expiry=desk.now + 30 * DAY, budget=10_000_000)
    batch = desk.post([(agreement, 50), (lease, 5)])
    hold(desk, batch, 0)
    hold(desk, batch, 1)
    desk.evm.warp(3 * DAY + 50_000)
    receipt = desk.escrow.transact("poke", [lease], sender=MALLORY)
    assert skips(receipt) == [(lease, 0, SkipReason.HELD)]
    with reverts("Escrow_Held", agreement=agreement):
        desk.escrow.transact("refundEarly", agreement, 0, b"", sender=OTTO)
    unhold(desk, batch, 1, VOID)
    assert desk.escrow.transact("poke", [lease], sender=MALLORY).result == 50_000 * 101
    desk.evm.warp(60 * DAY)
    with reverts("Escrow_Held", agreement=agreement):
        desk.escrow.transact("refund", agreement, sender=ANN)
    unhold(desk, batch, 0, MOOT)
    desk.escrow.transact("refund", agreement, sender=ANN)
    check_books(desk)


# How it ends


def test_answered__no_refund_for_a_settle_grace__so_that_it_can_be_paid(desk: Desk) -> None:
    agreement = desk.opened(expiry=desk.now + 100)
    batch = desk.post([(agreement, 1_000)])
    hold(desk, batch, 0)
    desk.evm.warp(60 * DAY)
    receipt = unhold(desk, batch, 0, ANSWERED)
    assert receipt.event("RefundDelayed").args == {"agreement": agreement, "notBefore": desk.now + DAY}
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=desk.now + DAY):
        desk.escrow.transact("refund", agreement, sender=ANN)
    desk.evm.warp(DAY - 1)
    assert desk.settle(batch).result == 1_010
    desk.evm.warp(1)
    desk.escrow.transact("refund", agreement, sender=ANN)
    check_books(desk)


@pytest.mark.parametrize("end", [VOID, MOOT])
def test_void_and_moot__delay_no_refund(desk: Desk, end: int) -> None:
    agreement = desk.opened(expiry=desk.now + 100)
    batch = desk.post([(agreement, 1_000)])
    hold(desk, batch, 0)
    desk.evm.warp(60 * DAY)
    assert unhold(desk, batch, 0, end).events("RefundDelayed") == []
    desk.escrow.transact("refund", agreement, sender=ANN)


def test_void__is_blocked_for_good(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 1_000), (second, 2_000)])
    hold(desk, batch, 0)
    assert unhold(desk, batch, 0, VOID).result is False
    assert desk.ledger.call("blockedOf", batch.number) == (1, 0, 1)
    assert desk.agreement(first)["holds"] == 0
    with reverts("ReceiptLedger_LeafBlocked", batch=batch.number, index=0):
        hold(desk, batch, 0)
    for end in (ANSWERED, VOID, MOOT):
        with reverts("ReceiptLedger_LeafNotBlocked", batch=batch.number, index=0):
            unhold(desk, batch, 0, end)
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert (receipt.result, skips(receipt)) == (2_020, [(first, 1_000, SkipReason.VOID)])
    assert settle_one(desk, batch, 0).result == 0
    # The work itself may still be shown in another way.
    desk.pay([(first, 1_000)])
    assert desk.agreement(first)["paid"] == 1_000
    check_books(desk)


def test_unhold__what_is_not_under_challenge__refused(desk: Desk) -> None:
    first, second = opened(desk, 2)
    batch = desk.post([(first, 1_000), (second, 2_000)])
    hold(desk, batch, 0)
    for index in (1, 2, 255):
        with reverts("ReceiptLedger_LeafNotBlocked", batch=batch.number, index=index):
            unhold(desk, batch, index, MOOT, agreement=second)
    with reverts("ReceiptLedger_LeafNotBlocked", batch=5, index=0):
        desk.ledger.transact("unhold", 5, 0, first, MOOT, sender=CHALLENGES)
    with reverts("ReceiptLedger_LeafNotBlocked", batch=batch.number, index=2**255):
        desk.ledger.transact("unhold", batch.number, 2**255, first, MOOT, sender=CHALLENGES)


def test_moot__can_be_challenged_again_inside_the_window(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 1_000)])
    hold(desk, batch, 0)
    unhold(desk, batch, 0, MOOT)
    hold(desk, batch, 0)
    unhold(desk, batch, 0, ANSWERED)
    hold(desk, batch, 0)
    assert desk.ledger.call("blockedOf", batch.number) == (1, 1, 0)
    assert desk.agreement(agreement)["holds"] == 1


def test_unhold__agreement_ruled_meanwhile__lets_go(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 1_000)])
    hold(desk, batch, 0)
    freeze(desk, agreement)
    assert rule(desk, agreement, 0) == 0
    unhold(desk, batch, 0, MOOT)
    assert desk.agreement(agreement)["holds"] == 0
    desk.evm.warp(DAY)
    assert skips(desk.settle(batch)) == [(agreement, 1_000, SkipReason.CLOSED)]


# Ten


def blocked_batch(desk: Desk, leaves: int, held: int, **changes: Any) -> tuple[Posted, list[int]]:
    """A batch of that many agreements, the first of which are under challenge."""
    numbers = opened(desk, leaves, **changes)
    batch = desk.post([(number, 1_000) for number in numbers])
    for index in range(held):
        hold(desk, batch, index)
    return batch, numbers


def test_ten_under_challenge__nothing_of_the_batch_settles_until_one_is_over(desk: Desk) -> None:
    batch, numbers = blocked_batch(desk, 12, 9)
    desk.evm.warp(DAY - 1)
    hold(desk, batch, 9)
    desk.evm.warp(1)
    with reverts("ReceiptLedger_UnderChallenge", batch=batch.number, open=10):
        desk.settle(batch)
    for index in (0, 11):
        with reverts("ReceiptLedger_UnderChallenge", batch=batch.number, open=10):
            settle_one(desk, batch, index)
    unhold(desk, batch, 4, ANSWERED)
    receipt = desk.settle(batch)
    assert receipt.result == 3 * 1_010
    assert [log.args["agreement"] for log in receipt.events("Settled")] == [numbers[4], *numbers[10:]]
    assert len(skips(receipt)) == 9
    check_books(desk)


def test_ten_under_challenge__its_value_can_be_taken_out_of_flight_all_the_same(desk: Desk) -> None:
    batch, _ = blocked_batch(desk, 10, 10)
    desk.evm.warp(DAY)
    desk.ledger.transact("retire", batch.number, sender=MALLORY)
    assert desk.ledger.call("inFlight", 2) == 0


def test_nine_void__the_others_are_paid(desk: Desk) -> None:
    batch, numbers = blocked_batch(desk, 11, 11)
    for index in range(9):
        assert unhold(desk, batch, index, VOID).result is False
    assert desk.ledger.call("blockedOf", batch.number) == (2**11 - 1, 2, 9)
    unhold(desk, batch, 9, ANSWERED)
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert [log.args["agreement"] for log in receipt.events("Settled")] == [numbers[9]]


def test_the_tenth_void__cancels_the_batch_as_the_guardian_would(desk: Desk) -> None:
    batch, numbers = blocked_batch(desk, 12, 11)
    desk.evm.warp(1_000)
    for index in range(9):
        unhold(desk, batch, index, VOID)
    assert desk.ledger.call("inFlight", 2) == 10_000 * DOLLAR
    receipt = unhold(desk, batch, 9, VOID)
    assert receipt.result is True
    assert receipt.event("BatchCancelled").args == {"batch": batch.number, "cancelledAt": desk.now}
    floor = desk.now + DAY + 3 * DAY + DAY  # POST_GRACE, self-post window, SETTLE_GRACE
    assert receipt.event("RefundFloorRaised").args == {"policy": 1, "until": floor}
    assert desk.ledger.call("cancelledAt", batch.number) == desk.now
    assert desk.ledger.call("inFlight", 2) == 0
    flags = desk.ledger.call("batchOf", batch.number)["flags"]
    assert flags == 1 | CANCELLED | BLOCKED
    # What is still under challenge has no object any more; nothing else can be challenged, released or settled.
    assert unhold(desk, batch, 10, MOOT).result is True
    assert [desk.agreement(number)["holds"] for number in numbers] == [0] * 12
    with reverts("ReceiptLedger_NotChallengeable", batch=batch.number):
        hold(desk, batch, 11)
    assert release(desk, batch, 11).event("ReleaseRefused").args["reason"] == SkipReason.VOID
    desk.evm.warp(DAY)
    with reverts("ReceiptLedger_Cancelled", batch=batch.number):
        desk.settle(batch)
    with reverts("ReceiptLedger_Cancelled", batch=batch.number):
        settle_one(desk, batch, 11)
    desk.evm.warp_to(desk.escrow.call("refundFloor", 1) - 1)
    with reverts("Escrow_NotRefundableYet"):
        desk.escrow.transact("refund", numbers[0], sender=ANN)


def test_the_tenth_void__is_not_one_of_the_guardians_two(desk: Desk) -> None:
    batch, _ = blocked_batch(desk, 10, 10)
    for index in range(10):
        unhold(desk, batch, index, VOID)
    (agreement,) = opened(desk, 1)
    for _ in range(2):
        posted = desk.post([(agreement, 5)])
        desk.ledger.transact("cancel", posted.number, sender=desk.system.admin)
    posted = desk.post([(agreement, 5)])
    with reverts("ReceiptLedger_TooManyCancels", policy=1):
        desk.ledger.transact("cancel", posted.number, sender=desk.system.admin)


def test_the_tenth_void__after_the_window_and_a_settlement__cancels_what_is_left(desk: Desk) -> None:
    batch, numbers = blocked_batch(desk, 12, 9)
    desk.evm.warp(DAY - 1)
    hold(desk, batch, 9)
    unhold(desk, batch, 0, VOID)
    desk.evm.warp(1)
    assert desk.settle(batch).result == 2_020
    for index in range(1, 10):
        unhold(desk, batch, index, VOID)
    assert desk.ledger.call("batchOf", batch.number)["flags"] & CANCELLED
    assert [desk.agreement(number)["paid"] for number in numbers] == [0] * 10 + [1_000] * 2
    check_books(desk)


def test_cancelled_by_the_guardian__a_tenth_void_changes_nothing_of_it(desk: Desk) -> None:
    batch, _ = blocked_batch(desk, 10, 10)
    desk.ledger.transact("cancel", batch.number, sender=desk.system.admin)
    at = desk.now
    desk.evm.warp(50)
    for index in range(10):
        receipt = unhold(desk, batch, index, VOID)
        assert receipt.result is True
        assert receipt.events("BatchCancelled") == []
    assert desk.ledger.call("cancelledAt", batch.number) == at


# A released leaf that turns out void


def test_void_released__the_reservation_goes_to_the_funder(desk: Desk) -> None:
    """Released 40 000: the customer's fee is 400, the provider's 2 000. All 40 400 go to Ann; the fees never count."""
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 40_000)])
    assert release(desk, batch, 0).result == 40_400
    hold(desk, batch, 0)
    receipt = unhold(desk, batch, 0, VOID)
    told = {"batch": batch.number, "index": 0, "victim": ANN.address, "amount": 40_400}
    assert receipt.event("MadeGood").args == told
    assert owed(desk, ANN) == 40_400
    assert recovery(desk, agreement) == (0, 40_400, 2_400)
    assert stake(desk) == {"free": MONEY - 100_000 - 40_400, "pledged": 100_000, "reserved": 0, "thawing": 0}
    assert desk.agreement(agreement)["holds"] == 0
    assert desk.escrow.call("earningsOf", 2) == (38_000, 0, 0)
    assert desk.ledger.call("releaseOf", batch.number, 0)["amount"] == 0
    desk.evm.warp(DAY)
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        finalise(desk, batch, 0)
    check_books(desk)


def test_void_released__the_ruling_that_follows_counts_it(desk: Desk) -> None:
    """The court says 0 of the 40 000: overpaid 40 400 less 40 400; the fees of 2 400 were never in the reward base."""
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 40_000)])
    release(desk, batch, 0)
    hold(desk, batch, 0)
    unhold(desk, batch, 0, VOID)
    _, done, fees = recovery(desk, agreement)
    freeze(desk, agreement)
    assert rule(desk, agreement, 0, good=(done, fees)) == 0
    assert owed(desk, ANN) == 40_400
    assert desk.escrow.call("overturned", 2) == 0
    assert stake(desk)["free"] == MONEY - 40_400
    check_books(desk)


def test_void_released__of_a_sponsored_agreement__goes_to_the_sponsor(desk: Desk) -> None:
    desk.escrow.transact("allow", 3, 1, 1, 5_000_000, REF, sender=SAM)
    (agreement,) = opened(desk, 1, funder=3)
    batch = desk.post([(agreement, 40_000)])
    release(desk, batch, 0)
    hold(desk, batch, 0)
    unhold(desk, batch, 0, VOID)
    assert (owed(desk, SAM), owed(desk, ANN)) == (40_400, 0)


def test_void_released__in_dispute__is_made_good_all_the_same(desk: Desk) -> None:
    """A void leaf stands on nothing, whatever a court says; it is counted when the ruling is carried out."""
    (agreement,) = opened(desk, 1)
    batch = desk.post([(agreement, 40_000)])
    release(desk, batch, 0)
    hold(desk, batch, 0)
    freeze(desk, agreement)
    unhold(desk, batch, 0, VOID)
    assert recovery(desk, agreement) == (0, 40_400, 2_400)
    assert owed(desk, ANN) == 40_400


# Recovery out of what is reserved


def test_add_recovery__adds_up__and_end_recovery_answers_what_was_due(desk: Desk) -> None:
    receipt = add_recovery(desk, 7, 100)
    assert receipt.event("RecoveryDue").args == {"agreement": 7, "due": 100}
    assert add_recovery(desk, 7, 2**63).event("RecoveryDue").args["due"] == 2**63 + 100
    assert recovery(desk, 7) == (2**63 + 100, 0, 0)
    assert recovery(desk, 8) == (0, 0, 0)
    receipt = desk.ledger.transact("endRecovery", 7, sender=COURT)
    assert receipt.result == 2**63 + 100
    assert receipt.event("RecoveryDue").args == {"agreement": 7, "due": 0}
    assert recovery(desk, 7) == (0, 0, 0)


def released_twice(desk: Desk) -> tuple[int, int, Posted]:
    """Two agreements, 40 000 of each released: 40 400 are reserved for each."""
    first, second = opened(desk, 2)
    batch = desk.post([(first, 40_000), (second, 40_000)])
    assert release(desk, batch, 0, 1).result == 80_800
    return first, second, batch


def test_finalise__in_dispute__waits_and_holds_up_no_other(desk: Desk) -> None:
    first, second, batch = released_twice(desk)
    freeze(desk, first)
    desk.evm.warp(DAY)
    receipt = finalise(desk, batch, 0, 1)
    assert len(receipt.events("Unreserved")) == 1
    assert stake(desk)["reserved"] == 40_400
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        finalise(desk, batch, 0)
    desk.escrow.transact("clear", first, 0, sender=COURT)
    finalise(desk, batch, 0)
    assert stake(desk)["reserved"] == 0
    assert [desk.agreement(number)["holds"] for number in (first, second)] == [0, 0]


def test_finalise__after_a_ruling__pays_the_funder_first_and_frees_the_rest(desk: Desk) -> None:
    """10 000 of 40 000 stand: overpaid 30 000 + 300. The pledge of 100 000 is there, but let the court ask
    for 25 000 of the reservation all the same: of 40 400 Ann gets 25 000 and 15 400 are free."""
    first, _, batch = released_twice(desk)
    freeze(desk, first)
    assert rule(desk, first, 10_000) == 0
    assert owed(desk, ANN) == 30_300
    add_recovery(desk, first, 25_000)
    desk.evm.warp(DAY)
    before = stake(desk)["free"]
    receipt = finalise(desk, batch, 0)
    told = {"agreement": first, "victim": ANN.address, "amount": 25_000}
    assert receipt.event("Recovered").args == told
    assert receipt.event("Unreserved").args["amount"] == 15_400
    assert recovery(desk, first) == (0, 25_000, 0)
    assert owed(desk, ANN) == 55_300
    assert stake(desk)["free"] == before + 15_400
    assert desk.agreement(first)["holds"] == 0
    # Its fees count for the payee, and against it as overturned: 30 000 x 6 %.
    assert desk.escrow.call("earningsOf", 2)[2] == 2_400
    assert desk.escrow.call("overturned", 2) == 1_800
    check_books(desk)


@pytest.mark.parametrize("due", [40_400, 40_401, 2**63])
def test_finalise__more_is_due_than_is_reserved__all_of_it_goes_to_the_funder(desk: Desk, due: int) -> None:
    first, _, batch = released_twice(desk)
    freeze(desk, first)
    rule(desk, first, 40_000)
    add_recovery(desk, first, due)
    desk.evm.warp(DAY)
    receipt = finalise(desk, batch, 0, 1)
    assert [log.args["amount"] for log in receipt.events("Unreserved")] == [40_400]  # the other's
    assert recovery(desk, first) == (due - 40_400, 40_400, 0)
    assert (owed(desk, ANN), stake(desk)["reserved"]) == (40_400, 0)
    check_books(desk)


def test_finalise__recovery_of_one_agreement__takes_nothing_of_anothers(desk: Desk) -> None:
    _, second, batch = released_twice(desk)
    add_recovery(desk, second, 10_000)
    desk.evm.warp(DAY)
    receipt = finalise(desk, batch, 0)
    assert receipt.events("Recovered") == []
    assert owed(desk, ANN) == 0
    finalise(desk, batch, 1)
    assert owed(desk, ANN) == 10_000


@pytest.mark.parametrize("how", ["makeGood", "unhold"])
def test_void_or_unanswered__after_a_ruling__only_what_is_due_goes_to_the_funder(
    desk: Desk, how: str
) -> None:
    """The ruling said what stands of the 40 000 that were released; 10 000 are due. Of 40 400 the rest is the
    operator's."""
    first, _, batch = released_twice(desk)
    hold(desk, batch, 0)
    desk.ledger.transact("cancel", batch.number, sender=desk.system.admin)
    freeze(desk, first)
    rule(desk, first, 30_000)
    assert owed(desk, ANN) == 10_100
    add_recovery(desk, first, 10_000)
    desk.evm.warp(RESPONSE)
    if how == "makeGood":
        receipt = desk.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    else:
        receipt = unhold(desk, batch, 0, VOID)
    assert receipt.events("MadeGood") == []
    assert receipt.event("Unreserved").args["amount"] == 30_400
    assert recovery(desk, first) == (0, 10_000, 0)
    assert owed(desk, ANN) == 20_100
    # Its fees are in the reward base, and those of the 10 000 that do not stand are overturned: 6 %.
    assert desk.escrow.call("earningsOf", 2)[2] == 2_400
    assert desk.escrow.call("overturned", 2) == 600
    check_books(desk)


def lent_desk() -> tuple[Desk, int, int]:
    """1 120 staked, 120 pledged for a budget of 1 200, 300 of it paid; a self-post of 400 borrows 100 of the pledge."""
    desk = fit(open_desk(evm=Evm(), stake=1_120 * DOLLAR))
    (agreement,) = opened(desk, 1, budget=1_200 * DOLLAR)
    desk.pay([(agreement, 300 * DOLLAR)])
    return desk, agreement, self_post(desk, agreement, 400 * DOLLAR)


def test_self_post_bond__while_frozen__stays(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    batch = self_post(desk, agreement, 40_000)
    freeze(desk, agreement)
    desk.evm.warp(3 * DAY)
    with reverts("ReceiptLedger_BondHeld", batch=batch, agreement=agreement):
        desk.ledger.transact("retire", batch, sender=OTTO)
    receipt = desk.ledger.transact("settle", batch, encode_figure(agreement, 40_000), sender=OTTO)
    assert skips(receipt) == [(agreement, 40_000, SkipReason.FROZEN)]
    assert receipt.events("BondReturned") == []
    assert stake(desk)["reserved"] == 100 * DOLLAR
    assert desk.ledger.call("batchOf", batch)["flags"] & 1 == 0
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    assert (
        desk.ledger.transact("settle", batch, encode_figure(agreement, 40_000), sender=OTTO).result == 40_400
    )
    assert stake(desk)["reserved"] == 0
    with reverts("ReceiptLedger_AlreadyRetired", batch=batch):
        desk.ledger.transact("retire", batch, sender=OTTO)


@pytest.mark.parametrize("how", ["retire", "settle"])
def test_self_post_bond__after_a_ruling__pays_the_funder_first(how: str) -> None:
    """None of the 300 stands: overpaid 303. The pledge gives the 20 that are there; 283 are due, and the bond
    of 100 goes to Ann whole. 183 are left: a case for the insurance. Of 1 120 staked 1 000 are left."""
    desk, agreement, batch = lent_desk()
    freeze(desk, agreement)
    due = rule(desk, agreement, 0, lent=desk.ledger.call("pledgeBonds", agreement))
    assert due == 283 * DOLLAR
    add_recovery(desk, agreement, due)
    desk.evm.warp(3 * DAY)
    values = [batch] if how == "retire" else [batch, encode_figure(agreement, 400 * DOLLAR)]
    receipt = desk.ledger.transact(how, *values, sender=MALLORY)
    assert receipt.event("Recovered").args["amount"] == 100 * DOLLAR
    (told,) = [log.args for log in receipt.events("BondReturned") if log.address == desk.ledger.address]
    assert told == {"batch": batch, "operator": 1, "bond": 0}
    assert stake(desk) == {"free": 1_000 * DOLLAR, "pledged": 0, "reserved": 0, "thawing": 0}
    assert owed(desk, ANN) == 120 * DOLLAR
    assert recovery(desk, agreement) == (183 * DOLLAR, 100 * DOLLAR, 0)
    assert desk.ledger.call("pledgeBonds", agreement) == 0
    assert desk.ledger.transact("endRecovery", agreement, sender=COURT).result == 183 * DOLLAR
    check_books(desk)


def test_self_post_bond__a_part_is_due__the_rest_comes_back_free() -> None:
    desk, agreement, batch = lent_desk()
    freeze(desk, agreement)
    # 250 stand: overpaid 50.50, of which the pledge gives 20.
    assert rule(desk, agreement, 250 * DOLLAR, lent=100 * DOLLAR) == 30_500_000
    add_recovery(desk, agreement, 30_500_000)
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", batch, sender=MALLORY)
    assert owed(desk, ANN) == 50_500_000
    assert stake(desk) == {"free": 1_069_500_000, "pledged": 0, "reserved": 0, "thawing": 0}
    assert desk.system.staking.call("pledgeBonds", 1) == 0
    check_books(desk)


def test_self_post_bond__recovery_ended__comes_back_whole() -> None:
    desk, agreement, batch = lent_desk()
    freeze(desk, agreement)
    add_recovery(desk, agreement, rule(desk, agreement, 0, lent=100 * DOLLAR))
    assert desk.ledger.transact("endRecovery", agreement, sender=COURT).result == 283 * DOLLAR
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", batch, sender=MALLORY)
    assert stake(desk)["free"] == 1_100 * DOLLAR
    assert owed(desk, ANN) == 20 * DOLLAR


def test_countersigned__is_marked__by_a_metered_payment_and_by_a_leases(desk: Desk) -> None:
    (agreement,) = opened(desk, 1)
    lease = desk.lease(expiry=desk.now + 30 * DAY)
    desk.evm.warp(100)

    def collect(number: int, units: int) -> Receipt:
        claim = Claim(number, units, desk.now - 1, desk.now, b"\x5a" * 32, exclusive=True)
        item = sign_receipt(desk.evm, desk.ledger, claim, customer=ANN)
        return desk.ledger.transact("collect", [item], sender=MALLORY)

    for number, units in ((agreement, 1_000), (lease, 0)):
        assert not desk.agreement(number)["countersigned"]
        assert collect(number, units).result > 0
        assert desk.agreement(number)["countersigned"]
    # A figure that moves nothing marks nothing, and neither do batches.
    (other,) = opened(desk, 1)
    desk.pay([(other, 500)])
    assert collect(other, 500).result == 0
    assert not desk.agreement(other)["countersigned"]
    # The mark stays, through a freeze and to the end.
    freeze(desk, agreement)
    rule(desk, agreement, 1_000)
    record = desk.agreement(agreement)
    assert (record["countersigned"], record["status"]) == (True, Status.CLOSED)
