"""Instant releases as the Escrow books them: paid at once, held until they are final, `rewardBase` when they are good.

The Escrow stands alone here and LEDGER plays the ledger; `test_release.py` is about the ledger's side.
"""

from __future__ import annotations

from tallystick.protocol.enums import SkipReason
from tests.support.escrow import LEDGER, MALLORY, OTTO, Desk, open_solo, skips
from tests.support.evm import Receipt, reverts

AFTER = 432_000  # from the end to the refund
FROZEN = 1 << 11


def release(
    desk: Desk, agreement: int, units: int, *, policy: int = 1, cap: int = 2**64 - 1, gross_cap: int = 0
) -> Receipt:
    order = (policy, desk.now, cap, gross_cap)
    return desk.escrow.transact("settleRelease", order, agreement, units, sender=LEDGER)


def finalise(desk: Desk, agreement: int, fees: int, good: bool = True) -> Receipt:
    return desk.escrow.transact("finaliseRelease", agreement, fees, good, sender=LEDGER)


def holds(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["holds"])


def test_release__pays_at_once_and_the_reward_base_waits() -> None:
    desk, _ = open_solo(fee_provider=700, fee_customer=333)
    agreement = desk.opened()
    receipt = release(desk, agreement, 1_999)
    assert receipt.result == (1_999, 66, 139 + 66)
    assert receipt.event("SettledByRelease").args == {"agreement": agreement, "paid": 1_999}
    assert receipt.events("Settled") == []
    assert desk.escrow.call("earningsOf", 2) == (1_860, 0, 0)
    assert (desk.escrow.call("feeTotals"), holds(desk, agreement)) == ((205, 0), 1)
    receipt = finalise(desk, agreement, 205)
    assert receipt.event("ReleaseFinalised").args == {"agreement": agreement, "fees": 205, "good": True}
    assert desk.escrow.call("earningsOf", 2) == (1_860, 0, 205)
    assert holds(desk, agreement) == 0
    with reverts("Escrow_NotHeld", agreement=agreement):
        finalise(desk, agreement, 205)
    desk.check_solvent()


def test_release__that_was_bad__gives_nobody_a_reward_base() -> None:
    desk, _ = open_solo()
    agreement = desk.opened()
    release(desk, agreement, 1_000)
    finalise(desk, agreement, 50, good=False)
    assert desk.escrow.call("earningsOf", 2) == (950, 0, 0)
    assert desk.escrow.call("feeTotals") == (50, 0)
    desk.check_solvent()


def test_release__holds_back_the_refund_until_it_is_final() -> None:
    desk, _ = open_solo()
    agreement = desk.opened()
    release(desk, agreement, 10)
    release(desk, agreement, 20)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    for left in (2, 1):
        assert holds(desk, agreement) == left
        with reverts("Escrow_Held", agreement=agreement):
            desk.escrow.transact("refund", agreement, sender=MALLORY)
        finalise(desk, agreement, 0)
    desk.escrow.transact("refund", agreement, sender=MALLORY)


def test_release__mixes_with_batches__as_one_cumulative_figure() -> None:
    desk, _ = open_solo(fee_provider=500)
    agreement = desk.opened()
    release(desk, agreement, 19)  # fee 0
    desk.settle_directly([(agreement, 39)])  # fee 1
    release(desk, agreement, 60)  # fee 3
    assert desk.escrow.call("earningsOf", 2) == (57, 0, 1)
    finalise(desk, agreement, 0)
    finalise(desk, agreement, 2)
    assert desk.escrow.call("earningsOf", 2) == (57, 0, 3)
    desk.check_solvent()


def test_release__what_cannot_be_released__moves_nothing_and_says_why() -> None:
    desk, _ = open_solo(fresh=True, fee_customer=100)
    other = desk.system.add_policy(relayer=2)
    agreement, frozen, lease = desk.opened(), desk.opened(), desk.lease()
    full, gone = desk.opened(), desk.opened()
    desk.escrow.transact("close", gone, sender=OTTO)
    desk.set_bits(frozen, hot=FROZEN)
    desk.set_bits(full, hot=200 << 2)
    desk.evm.warp(AFTER)
    desk.escrow.transact("refund", gone, sender=MALLORY)
    release(desk, agreement, 100)
    cases = [
        (77, 1, {}, SkipReason.UNKNOWN_AGREEMENT),
        (gone, 1, {}, SkipReason.CLOSED),
        (frozen, 1, {}, SkipReason.FROZEN),
        (agreement, 200, {"policy": other}, SkipReason.OTHER_POLICY),
        (lease, 1, {}, SkipReason.NOT_METERED),
        (full, 1, {}, SkipReason.NOT_RELEASABLE),
        (agreement, 100, {}, SkipReason.STALE),
        (agreement, 200, {"cap": 100}, SkipReason.ABOVE_DECLARED_VALUE),  # with 1 µ of fee it is 101
        (agreement, 200, {"gross_cap": 99}, SkipReason.ABOVE_BATCH_CAP),
    ]
    for number, units, how, reason in cases:
        receipt = release(desk, number, units, **how)
        assert receipt.result == (0, 0, 0)
        assert (skips(receipt), len(receipt.logs)) == ([(number, units, reason)], 1)
    assert release(desk, agreement, 200, cap=101, gross_cap=100).result == (100, 1, 6)
    assert (holds(desk, agreement), holds(desk, full)) == (2, 200)
    desk.check_solvent()


def test_release__capped_at_the_budget__says_so() -> None:
    desk, _ = open_solo(fee_provider=0)
    agreement = desk.opened(budget=50)
    receipt = release(desk, agreement, 51)
    assert receipt.result == (50, 0, 0)
    assert skips(receipt) == [(agreement, 51, SkipReason.CAPPED_AT_BUDGET)]


def test_batch_cap__bounds_the_gross_of_one_agreement_in_one_batch() -> None:
    desk, _ = open_solo(fee_provider=0, fee_customer=1_000)
    first, second = desk.opened(), desk.opened()
    receipt = desk.settle_directly([(first, 101), (second, 100)], gross_cap=100)
    assert receipt.result == 110
    assert skips(receipt) == [(first, 101, SkipReason.ABOVE_BATCH_CAP)]
    assert desk.settle_directly([(first, 100)], gross_cap=100).result == 110
