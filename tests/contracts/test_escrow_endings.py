"""Endings out of turn: refunds with the provider's consent, releases that are held, slashes that close.

refundable = end + 432 000 as in test_escrow_refund; LAG = 259 200.
"""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import EarlyRefund
from tallystick.protocol.enums import CloseReason, SkipReason
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import (
    ANN,
    LEDGER,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SAM,
    Desk,
    open_desk,
    open_solo,
    skips,
)
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
MONEY = 100_000 * DOLLAR
FROZEN, HELD = 1 << 11, 1 << 2
JUDGE = account("judge")
ZERO = "0x" + "00" * 20


# Early refunds


def consent(desk: Desk, agreement: int, deadline: int, by: Account = OTTO, **domain: object) -> bytes:
    message = EarlyRefund(agreement, deadline)
    return by.sign(eip712.digest(desk.domain(**domain), message.hash_struct()))  # type: ignore[arg-type]


def refund_early(
    desk: Desk, agreement: int, deadline: int = 0, signature: bytes = b"", sender: Account = MALLORY
) -> Receipt:
    return desk.escrow.transact("refundEarly", agreement, deadline, signature, sender=sender)


def ended(desk: Desk) -> int:
    """A metered agreement that has ended this second."""
    agreement = desk.opened()
    desk.escrow.transact("close", agreement, sender=OTTO)
    return agreement


def test_early_refund__hash__is_eth_account_s() -> None:
    desk = open_desk()
    oracle = encode_typed_data(
        {"name": "Tallystick Escrow", "version": "1", "chainId": 31_337, "verifyingContract": desk.escrow.address},
        {"EarlyRefund": [{"type": "uint64", "name": "agreement"}, {"type": "uint40", "name": "deadline"}]},
        {"agreement": 2**63, "deadline": 2**39},
    )  # fmt: skip
    assert oracle.body == EarlyRefund(2**63, 2**39).hash_struct()


@pytest.mark.parametrize("by_signature", [True, False])
def test_early_refund__with_the_provider__at_the_end_and_not_before(by_signature: bool) -> None:
    desk = open_desk()
    agreement = desk.opened()
    end = desk.now + 100_000
    desk.pay([(agreement, 300)])
    until = end + 5
    values = (until, consent(desk, agreement, until)) if by_signature else (0, b"")
    sender = MALLORY if by_signature else OTTO
    desk.evm.warp_to(end - 1)
    with reverts("Escrow_NotEnded", agreement=agreement, end=end):
        refund_early(desk, agreement, *values, sender=sender)
    desk.evm.warp_to(end)
    receipt = refund_early(desk, agreement, *values, sender=sender)
    assert receipt.event("Closed").args == {
        "agreement": agreement, "paid": 300, "refunded": 999_700, "reason": CloseReason.EXPIRED,
    }  # fmt: skip
    assert desk.pledged() == 0
    with reverts("Escrow_NotOpen", agreement=agreement):
        refund_early(desk, agreement, *values, sender=sender)
    desk.check_solvent()


def test_early_refund__wrong_signer_late_or_of_elsewhere__refused() -> None:
    desk = open_desk()
    agreement, other = ended(desk), ended(desk)
    until = desk.now + 100
    good = consent(desk, agreement, until)
    s = CURVE_ORDER - int.from_bytes(good[32:64], "big")
    for signature in (
        consent(desk, agreement, until, ANN),
        consent(desk, agreement, until, RITA),
        consent(desk, other, until),
        consent(desk, agreement, until + 1),
        consent(desk, agreement, until, chain_id=1),
        consent(desk, agreement, until, escrow=desk.ledger),
        good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]]),
        b"",
    ):
        for sender in (MALLORY, ANN, PAULA):
            with reverts("Escrow_BadSignature", agreement=agreement, signer=OTTO.address):
                refund_early(desk, agreement, until, signature, sender)
    desk.evm.warp_to(until + 1)
    with reverts("Escrow_DeadlinePassed", deadline=until):
        refund_early(desk, agreement, until, good)
    desk.evm.warp_to(until)
    refund_early(desk, agreement, until, good)


def test_early_refund__frozen_or_held__waits_whoever_consents() -> None:
    desk = open_desk(evm=Evm())
    for bit in (FROZEN, HELD):
        agreement = ended(desk)
        desk.set_bits(agreement, hot=bit)
        with reverts("Escrow_Held", agreement=agreement):
            refund_early(desk, agreement, sender=OTTO)


def test_early_refund__waives_the_floors_that_protect_the_provider() -> None:
    desk, _ = open_solo(fresh=True)
    agreement = ended(desk)
    desk.set_bits(agreement, cold=desk.now + 1_000)  # notBefore
    desk.escrow.transact("raiseRefundFloor", 1, desk.now + 2_000, sender=LEDGER)
    assert refund_early(desk, agreement, sender=OTTO).event("Closed").args["refunded"] == 1_000_000


def test_early_refund__of_a_lease__pays_up_to_the_horizon_and_forgoes_the_rest() -> None:
    desk, _ = open_solo(fee_provider=2_000)
    lease = desk.lease(expiry=desk.now + LAG + 1_000, budget=90_000_000)
    desk.evm.warp(LAG + 1_000)
    receipt = refund_early(desk, lease, sender=OTTO)
    assert receipt.event("Closed").args == {
        "agreement": lease, "paid": 100_000, "refunded": 89_900_000, "reason": CloseReason.EXPIRED,
    }  # fmt: skip
    assert desk.escrow.call("earningsOf", 2) == (80_000, 0, 20_000)
    desk.check_solvent()


def test_early_refund__of_a_lease__what_was_collected_before_stays() -> None:
    """To be paid whole at once, the provider collects a countersigned figure first."""
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(500)
    desk.escrow.transact("close", lease, sender=OTTO)
    desk.escrow.transact("settleSigned", [(lease, 0, start + 500, 2**64 - 1)], sender=LEDGER)
    assert refund_early(desk, lease, sender=OTTO).event("Closed").args["paid"] == 50_000
    desk.check_solvent()


# Releases


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
    full, gone = desk.opened(), ended(desk)
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


# Slashes


def slash(
    desk: Desk, agreement: int, amount: int, loss: int = 0, *, challenger: str = ZERO, bps: int = 0,
    sender: Account | None = None,
) -> Receipt:  # fmt: skip
    return desk.escrow.transact(
        "slashAgreement", agreement, amount, loss, challenger, bps, 7, sender=sender or desk.system.admin
    )


def credit(desk: Desk, who: Account | str) -> int:
    return int(desk.system.staking.call("credits", who if isinstance(who, str) else who.address))


def test_slash__closes_refunds_and_pays_the_funder_first() -> None:
    """A pledge of 100 000: 60 000 taken, 40 000 to the victim, 20 % to the challenger, the rest to insurance."""
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    agreement = desk.opened(funder=3)
    desk.pay([(agreement, 250_000)])
    before = desk.system.staking.call("get", 1)
    receipt = slash(desk, agreement, 60_000, 40_000, challenger=PAULA.address, bps=2_000)
    assert receipt.result == 60_000
    assert receipt.event("Closed").args == {
        "agreement": agreement, "paid": 250_000, "refunded": 750_000, "reason": CloseReason.RULED,
    }  # fmt: skip
    after = desk.system.staking.call("get", 1)
    assert (before["pledged"], after["pledged"]) == (100_000, 0)
    assert after["free"] - before["free"] == 40_000  # what of the pledge was not taken
    assert (credit(desk, SAM), credit(desk, PAULA)) == (40_000, 12_000)
    assert credit(desk, desk.system.insurance.address) == 8_000
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (10**9 - 250_000, 0)
    assert not desk.agreement(agreement)["pledgeStuck"]
    with reverts("Escrow_NotOpen", agreement=agreement):
        slash(desk, agreement, 1)
    with reverts("Escrow_PledgeNotStuck", agreement=agreement):
        desk.escrow.transact("retryRelease", agreement, sender=MALLORY)
    desk.check_solvent()


def test_slash__beyond_its_pledge__takes_free_stake_and_no_other_pledge() -> None:
    desk = open_desk(stake=2_000 * DOLLAR)
    agreement, other = desk.opened(), desk.opened(budget=2_000_000)
    assert desk.pledged() == 300_000
    receipt = slash(desk, agreement, 2**64 - 1, 5)
    assert receipt.result == 2_000 * DOLLAR - 200_000
    record = desk.system.staking.call("get", 1)
    assert (record["free"], record["pledged"]) == (0, 200_000)
    assert desk.agreement(other)["status"] == 1


def test_slash__frozen_and_held__goes_through_and_what_was_held_lets_go_after() -> None:
    desk, _ = open_solo(fresh=True)
    agreement = desk.opened()
    desk.set_bits(agreement, hot=FROZEN | HELD)
    assert slash(desk, agreement, 10).event("Closed").args["reason"] == CloseReason.RULED
    assert holds(desk, agreement) == 1
    finalise(desk, agreement, 5)
    record = desk.agreement(agreement)
    assert (record["holds"], record["status"], record["frozen"]) == (0, 2, True)
    assert desk.escrow.call("earningsOf", 2) == (0, 0, 5)


def test_slash__by_no_court__refused() -> None:
    desk = open_desk()
    agreement = desk.opened()
    for caller in (ANN, OTTO, SAM, MALLORY):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            slash(desk, agreement, 1, sender=caller)


def test_slash__whoever_decides_gets_none_of_it() -> None:
    desk = open_desk()
    agreement = desk.opened()
    desk.system.authority.transact("grantRole", 0, ANN.address, 0, sender=desk.system.admin)
    desk.system.authority.transact("grantRole", 0, JUDGE.address, 0, sender=desk.system.admin)
    with reverts("Staking_BadSlash"):  # the funder
        slash(desk, agreement, 10, 10, sender=ANN)
    with reverts("Staking_BadSlash"):
        slash(desk, agreement, 10, 10, challenger=JUDGE.address, bps=100, sender=JUDGE)
    with reverts("Staking_BadSlash"):
        slash(desk, agreement, 10, 0, bps=100, sender=JUDGE)
    with reverts("Staking_BadSlash"):
        slash(desk, agreement, 10, 0, challenger=PAULA.address, bps=3_001, sender=JUDGE)
    assert desk.agreement(agreement)["status"] == 1
    slash(desk, agreement, 10, 10, sender=JUDGE)
    assert credit(desk, ANN) == 10


def test_slash__of_nothing__closes_and_frees_the_pledge() -> None:
    desk = open_desk()
    agreement = desk.opened()
    assert slash(desk, agreement, 0).result == 0
    record = desk.system.staking.call("get", 1)
    assert (record["free"], record["pledged"]) == (MONEY, 0)
    desk.check_solvent()
