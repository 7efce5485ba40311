"""What the Court does to agreements: freezes them, carries rulings out, lets them run on.

Fees are 500 basis points of the provider and 100 of the customer. Unless a test says otherwise an agreement
has 1 µ a unit and a budget of 10 000 000 µ, so 10 100 000 are locked and 1 000 000 pledged, and 4 000 000 of
it are paid: the payee has 3 800 000 of them, its reward base 200 000 + 40 000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.eip712 import Replacement, TopUp
from tallystick.protocol.enums import CloseReason, KeyKind, ReceiptFault, RefundFault, SkipReason, Status
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, SAM, SIGNER, Desk, open_desk, skips
from tests.support.evm import Account, Evm, Receipt, Reverted, account, reverts
from tests.support.receipts import DEVICE, faults, release_request, sign_receipt
from tests.support.system import DOLLAR

COURT, CHALLENGES, CAROL, COUNCIL = (account(name) for name in ("court", "challenges", "carol", "council"))
MONEY: Final = 100_000 * DOLLAR  # Ann's, Sam's, and Otto's stake
BUDGET: Final = 10_000_000
PAID: Final = 4_000_000
LAG: Final = 259_200
MOST: Final = 2**56 - 1
REF: Final = b"\x11" * 32
NOTHING: Final = {
    "recovered": 0, "slashed": 0, "toVictim": 0, "toChallenger": 0, "toInsurance": 0, "fee": 0,
}  # fmt: skip


def fit(desk: Desk) -> Desk:
    """The fees of this file, and Otto's device key."""
    desk.escrow.transact("setFees", 500, 100, sender=desk.system.admin)
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    return desk


@pytest.fixture
def desk() -> Desk:
    return fit(open_desk())


def begun(desk: Desk, paid: int = PAID, **changes: Any) -> int:
    """A metered agreement, some of it paid."""
    agreement = desk.opened(**({"budget": BUDGET, "expiry": desk.now + 30 * DAY} | changes))
    if paid:
        desk.pay([(agreement, paid)])
    return agreement


def leased(desk: Desk, **changes: Any) -> int:
    """A lease at 100 µ a second for 400 000 seconds, 40 000 of them paid; 299 200 have elapsed."""
    agreement = desk.lease(**({"budget": 40_000_000, "expiry": desk.now + 30 * DAY} | changes))
    desk.evm.warp(LAG + 40_000)
    assert desk.escrow.transact("poke", [agreement], sender=MALLORY).result == 4_040_000
    return agreement


def freeze(desk: Desk, agreement: int) -> int:
    desk.escrow.transact("freeze", agreement, sender=COURT)
    return agreement


def rule(desk: Desk, agreement: int, amount: int, **changes: Any) -> Receipt:
    """A closing ruling, unless told otherwise, that takes and gives nothing else."""
    order: dict[str, Any] = {
        "agreement": agreement,
        "amount": amount,
        "closes": True,
        "setsDowntime": False,
        "downtime": 0,
        "madeGood": 0,
        "madeGoodFees": 0,
        "lent": 0,
        "slash": 0,
        "fee": 0,
        "feeTo": COUNCIL.address,
        "challenger": CAROL.address,
        "rewardBps": 2_000,
        "reason": 7,
    }
    assert changes.keys() <= order.keys()
    sender = COURT
    return desk.escrow.transact("executeRuling", tuple((order | changes).values()), sender=sender)


def stake(desk: Desk, operator: int = 1) -> dict[str, int]:
    row = desk.system.staking.call("get", operator)
    return {part: row[part] for part in ("free", "pledged", "reserved", "thawing")}


def allowance(desk: Desk) -> int:
    """What Sam allows Ann still."""
    return int(desk.escrow.call("allowanceOf", 3, 1, 1)[0])


def owed(desk: Desk, *holders: Account) -> list[int]:
    """Credits in Staking, the insurance's last."""
    addresses = [who.address for who in holders] + [desk.system.insurance.address]
    return [int(desk.system.staking.call("credits", who)) for who in addresses]


def check_books(desk: Desk) -> None:
    """The Escrow holds just what it owes; Staking just the stakes and the credits."""
    desk.check_solvent()
    staking = desk.system.staking
    total = sum(sum(stake(desk, operator).values()) for operator in range(1, staking.call("count") + 1))
    assert total == staking.call("totalStake")
    assert desk.system.balance(staking) == total + staking.call("totalCredits")


def signed(desk: Desk, agreement: int, units: int, **how: Any) -> tuple[Any, ...]:
    claim = Claim(agreement, units, desk.now - 1, desk.now, b"\x5a" * 32, exclusive=True)
    return sign_receipt(desk.evm, desk.ledger, claim, **how)


# Who, and when

OTHERS: Final = [ANN, OTTO, PAULA, RITA, SAM, SIGNER, CHALLENGES, account("admin"), MALLORY]


@pytest.mark.parametrize("who", OTHERS)
def test_the_courts_functions__by_anybody_else__refused(desk: Desk, who: Account) -> None:
    agreement = begun(desk, paid=0)
    order = (agreement, 0, True, False, 0, 0, 0, 0, 0, 0, COUNCIL.address, CAROL.address, 0, 7)
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("freeze", (agreement,)), ("clear", (agreement, 0)), ("executeRuling", (order,)),
    ]  # fmt: skip
    for frozen in (False, True):
        for function, values in calls:
            with reverts("Escrow_NotCourt", caller=who.address):
                desk.escrow.transact(function, *values, sender=who)
        assert (desk.agreement(agreement)["status"], desk.agreement(agreement)["frozen"]) == (
            Status.OPEN,
            frozen,
        )
        if not frozen:
            freeze(desk, agreement)


def test_the_courts_functions__at_the_extensions_own_address__do_nothing(desk: Desk) -> None:
    agreement = begun(desk, paid=0)
    alone = desk.evm.at("EscrowRulings", desk.system.at["EscrowRulings"])
    with reverts("Escrow_NotHere"):
        alone.transact("freeze", agreement, sender=COURT)
    assert alone.call("COURT") == desk.escrow.call("COURT") == COURT.address


def test_freeze__open_agreements_only__once(desk: Desk) -> None:
    agreement, closed = begun(desk), begun(desk, paid=0)
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    for number in (0, 5, 2**64 - 1, closed):
        for function, values in (("freeze", (number,)), ("clear", (number, 0))):
            with reverts("Escrow_NotOpen", agreement=number):
                desk.escrow.transact(function, *values, sender=COURT)
        with reverts("Escrow_NotOpen", agreement=number):
            rule(desk, number, 0)
    with reverts("Escrow_NotFrozen", agreement=agreement):
        rule(desk, agreement, 0)
    with reverts("Escrow_NotFrozen", agreement=agreement):
        desk.escrow.transact("clear", agreement, 0, sender=COURT)
    receipt = desk.escrow.transact("freeze", agreement, sender=COURT)
    assert receipt.event("Frozen").args == {"agreement": agreement}
    assert desk.agreement(agreement)["frozen"]
    with reverts("Escrow_AlreadyFrozen", agreement=agreement):
        freeze(desk, agreement)
    assert not desk.agreement(begun(desk, paid=0))["frozen"]  # nobody else's


def test_orders__words_that_do_not_fit_their_types__are_refused(desk: Desk) -> None:
    """78 digits in place of each figure. Downtime is not read of a ruling that closes."""
    agreement = freeze(desk, begun(desk))
    order = (agreement, 0, True, False, 0, 0, 0, 0, 0, 0, COUNCIL.address, CAROL.address, 0, 7)
    good = desk.escrow.encode("executeRuling", order)
    for word in (0, 1, 2, *range(5, len(order))):
        data = good[: 4 + 32 * word] + b"\xff" * 32 + good[36 + 32 * word :]
        with pytest.raises(Reverted) as caught:
            desk.evm.transact(desk.escrow.address, data, sender=COURT)
        assert caught.value.data == b""
    assert desk.agreement(agreement)["status"] == Status.OPEN


# What a freeze stops, and what it does not


def test_frozen__a_figure_of_a_batch__waits_and_is_paid_when_it_is_cleared(desk: Desk) -> None:
    agreement, other = begun(desk), begun(desk)
    batch = desk.post([(agreement, 5_000_000), (other, 4_500_000)])
    desk.evm.warp(DAY)
    freeze(desk, agreement)
    receipt = desk.settle(batch)
    assert skips(receipt) == [(agreement, 5_000_000, SkipReason.FROZEN)]
    assert receipt.result == 505_000  # the other's 500 000 and 1 % of it
    assert desk.agreement(agreement)["paid"] == PAID
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    assert desk.settle(batch).result == 1_010_000
    check_books(desk)


def test_frozen__countersigned__refused_with_a_reason(desk: Desk) -> None:
    agreement = freeze(desk, begun(desk))
    item = signed(desk, agreement, 5_000_000, customer=ANN)
    receipt = desk.ledger.transact("collect", [item], sender=MALLORY)
    assert (receipt.result, faults(receipt)) == (0, [(0, ReceiptFault.FROZEN)])
    assert not desk.agreement(agreement)["countersigned"]
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    assert desk.ledger.transact("collect", [item], sender=MALLORY).result == 1_010_000
    assert desk.agreement(agreement)["countersigned"]


def test_frozen__instant_release__refused_with_a_reason(desk: Desk) -> None:
    agreement = begun(desk)
    batch = desk.post([(agreement, 5_000_000)])
    freeze(desk, agreement)
    receipt = desk.ledger.transact("release", [release_request(batch, 0)], sender=OTTO)
    assert receipt.result == 0
    assert receipt.event("ReleaseRefused").args["reason"] == SkipReason.FROZEN
    assert stake(desk)["reserved"] == 0


def test_frozen__a_leases_clock_and_its_downtime__stand_still(desk: Desk) -> None:
    lease = freeze(desk, leased(desk))
    receipt = desk.ledger.transact("reportDowntime", [signed(desk, lease, 500)], sender=MALLORY)
    assert skips(receipt) == [(lease, 500, SkipReason.FROZEN)]
    desk.evm.warp(DAY)
    receipt = desk.escrow.transact("poke", [lease], sender=MALLORY)
    assert (receipt.result, skips(receipt)) == (0, [(lease, 0, SkipReason.FROZEN)])
    batch = desk.post([(lease, 500)])
    desk.evm.warp(DAY)
    assert skips(desk.settle(batch)) == [(lease, 500, SkipReason.FROZEN)]
    assert (desk.agreement(lease)["paid"], desk.agreement(lease)["downtime"]) == (PAID, 0)


def test_frozen__refunds__wait_for_the_court_even_long_after_the_end(desk: Desk) -> None:
    agreement, other = begun(desk), begun(desk)
    desk.evm.warp_to(desk.escrow.call("refundableAt", other))
    freeze(desk, agreement)
    with reverts("Escrow_Held", agreement=agreement):
        desk.escrow.transact("refund", agreement, sender=ANN)
    with reverts("Escrow_Held", agreement=agreement):
        desk.escrow.transact("refundEarly", agreement, 0, b"", sender=OTTO)
    receipt = desk.escrow.transact("refundMany", [agreement, other], sender=MALLORY)
    assert receipt.event("RefundSkipped").args == {"agreement": agreement, "reason": RefundFault.HELD}
    assert receipt.event("Closed").args["agreement"] == other
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    receipt = desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert receipt.event("Closed").args["refunded"] == 6_060_000
    check_books(desk)


def _top_up(desk: Desk, agreement: int, terms: Any) -> None:
    desk.escrow.transact("topUp", agreement, BUDGET + 1, tuple(terms), desk.signed(terms), sender=ANN)


def _top_up_signed(desk: Desk, agreement: int, terms: Any) -> None:
    digest = eip712.digest(desk.domain(), TopUp(agreement, BUDGET + 1, desk.now).hash_struct())
    desk.escrow.transact("topUpSigned", agreement, BUDGET + 1, desk.now, OTTO.sign(digest), sender=ANN)


def _replace(desk: Desk, agreement: int, terms: Any) -> None:
    new = desk.terms()
    digest = eip712.digest(desk.domain(), Replacement(agreement, 5_000_000, new).hash_struct())
    signatures = (ANN.sign(digest), b"", OTTO.sign(digest), b"")
    desk.escrow.transact("replace", agreement, 5_000_000, tuple(new), signatures, sender=MALLORY)


@pytest.mark.parametrize("change", [_top_up, _top_up_signed, _replace])
def test_frozen__top_up_and_replace__refused(desk: Desk, change: Callable[[Desk, int, Any], None]) -> None:
    terms = desk.terms(budget=BUDGET, expiry=desk.now + 30 * DAY)
    (agreement,) = desk.opened_many([terms])
    freeze(desk, agreement)
    before = desk.picture()
    with reverts("Escrow_Held", agreement=agreement):
        change(desk, agreement, terms)
    assert desk.picture() == before
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    change(desk, agreement, terms)
    check_books(desk)


def test_frozen__close__still_ends_it_and_money_stays_where_it_is(desk: Desk) -> None:
    agreement, lease = begun(desk), leased(desk)
    before = desk.free(1), desk.locked(1), desk.received(2)
    for number in (freeze(desk, agreement), freeze(desk, lease)):
        told = desk.escrow.transact("close", number, sender=ANN).event("CloseRequested").args
        assert told["stopAt"] == desk.now + 3_600
        assert desk.agreement(number)["stopAt"] == desk.now + 3_600
    assert (desk.free(1), desk.locked(1), desk.received(2)) == before
    desk.evm.warp(3_600 + DAY)
    assert desk.escrow.call("paidUntil", lease) == desk.now - DAY  # the clock has stopped


def test_frozen__what_the_payee_has_and_what_others_have__is_not_held(desk: Desk) -> None:
    agreement, other = begun(desk), begun(desk, paid=0)
    freeze(desk, agreement)
    desk.pay([(other, 1_000_000)])
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 3_800_000 + 950_000
    desk.escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    check_books(desk)


# A ruling that closes


@pytest.mark.parametrize(
    ("amount", "paid", "refunded", "net", "base"),
    [
        (PAID, 0, 6_060_000, 3_800_000, 240_000),
        # 1 000 000 more, of which 50 000 and 10 000 are fees.
        (5_000_000, 1_000_000, 5_050_000, 4_750_000, 300_000),
        (BUDGET, 6_000_000, 0, 9_500_000, 600_000),
        (BUDGET + 1, 6_000_000, 0, 9_500_000, 600_000),  # never above the budget
        (MOST, 6_000_000, 0, 9_500_000, 600_000),
    ],
)
def test_closing__as_much_as_is_paid_or_more__pays_it_and_refunds_the_rest(
    desk: Desk, amount: int, paid: int, refunded: int, net: int, base: int
) -> None:
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, amount, slash=600_000, fee=50_000)
    assert receipt.result == {
        "paid": paid,
        "overpaid": 0,
        "refunded": refunded,
        "slash": {
            "recovered": 0,
            "slashed": 600_000,
            "toVictim": 0,
            "toChallenger": 120_000,  # 20 %
            "toInsurance": 480_000,
            "fee": 50_000,
        },
    }
    closed = {"paid": PAID + paid, "refunded": refunded, "reason": CloseReason.RULED}
    assert receipt.event("Closed").args == {"agreement": agreement} | closed
    assert [log.args["paid"] for log in receipt.events("Settled")] == ([PAID + paid] if paid else [])
    assert desk.escrow.call("earningsOf", 2) == (net, 0, base)
    assert (desk.free(1), desk.locked(1)) == (MONEY - (PAID + paid) * 101 // 100, 0)
    record = desk.agreement(agreement)
    assert (record["status"], record["frozen"], record["paid"]) == (Status.CLOSED, False, PAID + paid)
    assert stake(desk) == {"free": MONEY - 650_000, "pledged": 0, "reserved": 0, "thawing": 0}
    assert owed(desk, ANN, CAROL, COUNCIL, COURT) == [0, 120_000, 50_000, 0, 480_000]
    assert desk.escrow.call("overturned", 2) == 0
    assert receipt.events("FeesOverturned") == []
    check_books(desk)


def test_closing__below_what_is_paid__the_difference_comes_out_of_the_pledge_then_the_slash_then_the_fee(
    desk: Desk,
) -> None:
    """3 800 000 stand: 200 000 too many, and 40 000 - 38 000 of customer's fee. Of the pledge of 1 000 000 go
    202 000 to Ann, 600 000 are slashed, 50 000 pay the arbiters, 148 000 are free again. Fees of 10 000 + 2
    000 were for nothing."""
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 3_800_000, slash=600_000, fee=50_000)
    assert receipt.result == {
        "paid": 0,
        "overpaid": 202_000,
        "refunded": 6_060_000,
        "slash": {
            "recovered": 202_000,
            "slashed": 600_000,
            "toVictim": 0,
            "toChallenger": 120_000,
            "toInsurance": 480_000,
            "fee": 50_000,
        },
    }
    assert receipt.event("PledgeSlashed").args == {
        "operator": 1, "reason": 7, "pledge": 1_000_000, "fromPledge": 600_000,
    }  # fmt: skip
    assert receipt.event("Slashed").args == {
        "operator": 1, "reason": 7, "fromFree": 0, "fromThawing": 0, "victim": ANN.address, "toVictim": 0,
        "challenger": CAROL.address, "toChallenger": 120_000, "toInsurance": 480_000,
    }  # fmt: skip
    assert receipt.event("Charged").args == {
        "operator": 1, "victim": ANN.address, "recovered": 202_000, "feeTo": COUNCIL.address, "fee": 50_000,
        "fromPledge": 252_000, "fromFree": 0, "fromThawing": 0,
    }  # fmt: skip
    told = {"agreement": agreement, "account": 2, "fees": 12_000}
    assert receipt.event("FeesOverturned").args == told
    assert desk.escrow.call("overturned", 2) == 12_000
    # What the payee has it keeps: it is the operator's stake that answers.
    assert desk.escrow.call("earningsOf", 2) == (3_800_000, 0, 240_000)
    assert desk.agreement(agreement)["paid"] == PAID
    assert stake(desk) == {"free": MONEY - 852_000, "pledged": 0, "reserved": 0, "thawing": 0}
    assert owed(desk, ANN, CAROL, COUNCIL, COURT) == [202_000, 120_000, 50_000, 0, 480_000]
    check_books(desk)
    assert desk.system.staking.transact("claimCredit", ANN.address, sender=ANN).result == 202_000


def test_closing__nothing_stands__recovery_takes_the_pledge_and_the_slash_makes_up_for_the_rest(
    desk: Desk,
) -> None:
    """Overpaid 4 040 000. The pledge gives 1 000 000; the slash, out of free stake, goes to the victim first:
    of 1 500 000 all, since 3 040 000 are still lost; the reward is of what the victim leaves, so nothing."""
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 0, slash=1_500_000)
    assert receipt.result["overpaid"] == 4_040_000
    assert receipt.result["slash"] == NOTHING | {
        "recovered": 1_000_000, "slashed": 1_500_000, "toVictim": 1_500_000,
    }  # fmt: skip
    assert receipt.event("Slashed").args["fromFree"] == 1_500_000
    assert desk.escrow.call("overturned", 2) == 240_000
    assert owed(desk, ANN, CAROL) == [2_500_000, 0, 0]
    assert stake(desk)["free"] == MONEY - 2_500_000
    check_books(desk)


def test_closing__victim_whole_by_a_part_of_the_slash__the_rest_is_shared(desk: Desk) -> None:
    """Overpaid 1 515 000 (2 500 000 stand): 1 000 000 of the pledge, 515 000 of the slash of 800 000; reward 20 % of
    800 000 = 160 000; 125 000 are left for the insurance."""
    agreement = freeze(desk, begun(desk))
    outcome = rule(desk, agreement, 2_500_000, slash=800_000).result
    assert outcome["overpaid"] == 1_515_000
    assert outcome["slash"] == {
        "recovered": 1_000_000, "slashed": 800_000, "toVictim": 515_000, "toChallenger": 160_000,
        "toInsurance": 125_000, "fee": 0,
    }  # fmt: skip
    assert owed(desk, ANN, CAROL) == [1_515_000, 160_000, 125_000]
    check_books(desk)


def test_closing__recovery_beyond_the_pledge__takes_no_free_stake_by_itself(desk: Desk) -> None:
    """Without a slash only the agreement's own pledge answers for what was overpaid."""
    agreement = freeze(desk, begun(desk))
    outcome = rule(desk, agreement, 0).result
    assert outcome["slash"] == NOTHING | {"recovered": 1_000_000}
    assert stake(desk) == {"free": MONEY - 1_000_000, "pledged": 0, "reserved": 0, "thawing": 0}
    assert owed(desk, ANN) == [1_000_000, 0]
    check_books(desk)


def test_closing__slash_and_fee__pledge_then_free_then_thawing_and_never_anothers_pledge(desk: Desk) -> None:
    """Pledge 1 000 000, free 500 000, the rest thaws; 3 000 000 are pledged for another. The slash of 1 700
    000 takes the pledge, the free stake and 200 000 that thaw, the fee of 100 000 thawing stake."""
    agreement, other = begun(desk), begun(desk, paid=0, budget=30_000_000)
    thawing = MONEY - 4_500_000
    desk.system.staking.transact("unstake", 1, thawing, sender=OTTO)
    freeze(desk, agreement)
    receipt = rule(desk, agreement, PAID, slash=1_700_000, fee=100_000)
    told = receipt.event("Slashed").args
    assert receipt.event("PledgeSlashed").args["fromPledge"] == 1_000_000
    assert (told["fromFree"], told["fromThawing"]) == (500_000, 200_000)
    charged = receipt.event("Charged").args
    assert [charged[name] for name in ("fromPledge", "fromFree", "fromThawing")] == [0, 0, 100_000]
    assert stake(desk) == {"free": 0, "pledged": 3_000_000, "reserved": 0, "thawing": thawing - 300_000}
    # All that could be taken: the other's pledge is not a part of it, and nothing reverts for want of stake.
    third = freeze(desk, begun_poor(desk))
    outcome = rule(desk, third, 0, slash=2**64 - 1, fee=2**64 - 1).result
    assert outcome["slash"]["slashed"] == thawing - 300_000
    assert outcome["slash"]["fee"] == 0
    assert stake(desk) == {"free": 0, "pledged": 3_000_000, "reserved": 0, "thawing": 0}
    check_books(desk)
    desk.escrow.transact("close", other, sender=OTTO)
    desk.escrow.transact("refundEarly", other, 0, b"", sender=OTTO)
    assert stake(desk)["free"] == 3_000_000


def begun_poor(desk: Desk) -> int:
    """An agreement of policy 2, which asks for no pledge; its operator needs to be active to open it."""
    if desk.system.policy_book.call("count") == 1:
        assert desk.system.add_policy(relayer=2, coverageBps=0) == 2
    staking = desk.system.staking
    staking.transact("cancelThaw", 1, sender=OTTO)
    agreement = desk.opened(policy=2, budget=BUDGET)
    free = stake(desk)["free"]
    staking.transact("unstake", 1, free, sender=OTTO)
    return agreement


def test_closing__the_fee_comes_after_the_slash__and_takes_what_is_left(desk: Desk) -> None:
    """Pledge 1 000 000: recovered 606 000, slash 300 000, so 94 000 of the pledge for a fee of 100 000; 6 000
    are free."""
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 3_400_000, slash=300_000, fee=100_000)
    assert receipt.result["slash"]["recovered"] == 606_000
    assert receipt.result["slash"]["fee"] == 100_000
    charged = receipt.event("Charged").args
    assert [charged[name] for name in ("fromPledge", "fromFree", "fromThawing")] == [700_000, 6_000, 0]
    assert stake(desk)["free"] == MONEY - 1_006_000


def test_closing__made_good_before__is_neither_recovered_nor_overturned_again(desk: Desk) -> None:
    """Of 202 000 overpaid reservations gave 150 000 back, with fees of 5 000 that never reached the reward base."""
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 3_800_000, madeGood=150_000, madeGoodFees=5_000, slash=100_000)
    assert receipt.result["overpaid"] == 52_000
    assert receipt.result["slash"]["recovered"] == 52_000
    assert receipt.result["slash"]["toVictim"] == 0
    assert receipt.event("FeesOverturned").args["fees"] == 7_000
    assert desk.escrow.call("overturned", 2) == 7_000
    assert owed(desk, ANN) == [52_000, 80_000]


@pytest.mark.parametrize(("good", "fees"), [(202_000, 12_000), (202_001, 12_001), (2**64 - 1, MOST)])
def test_closing__made_good_all_and_more__nothing_is_owed_and_nothing_taken_back(
    desk: Desk, good: int, fees: int
) -> None:
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 3_800_000, madeGood=good, madeGoodFees=fees)
    assert (receipt.result["overpaid"], receipt.result["slash"]) == (0, NOTHING)
    assert receipt.events("FeesOverturned") == []
    assert desk.escrow.call("overturned", 2) == 0
    assert stake(desk)["free"] == MONEY
    check_books(desk)


def test_overturned__adds_up_over_agreements_of_one_payee(desk: Desk) -> None:
    first, second = begun(desk), begun(desk)
    rule(desk, freeze(desk, first), 3_800_000)
    rule(desk, freeze(desk, second), 0)
    assert desk.escrow.call("overturned", 2) == 12_000 + 240_000
    assert [desk.escrow.call("overturned", number) for number in (1, 3)] == [0, 0]


def test_closing__rounding__each_fee_is_the_difference_of_cumulative_floors(desk: Desk) -> None:
    """1 039 paid: fees floor(51.95) = 51 and floor(10.39) = 10. 19 stand: floor(0.95) = 0 and 0. So all of
    both fees come back: 1 020 + 10 to recover, 61 overturned."""
    agreement = freeze(desk, begun(desk, budget=1_039, paid=1_039))
    receipt = rule(desk, agreement, 19, slash=2_000)
    assert receipt.result["overpaid"] == 1_030
    # Pledge ceil(103.9) = 104; the slash makes up for 926; ceil(2 000 x 20 %) = 400; 674 are left.
    assert receipt.result["slash"] == {
        "recovered": 104, "slashed": 2_000, "toVictim": 926, "toChallenger": 400, "toInsurance": 674, "fee": 0,
    }  # fmt: skip
    assert desk.escrow.call("overturned", 2) == 61
    check_books(desk)


def test_closing__sponsored__the_funder_is_refunded_restored_and_the_victim(desk: Desk) -> None:
    desk.escrow.transact("allow", 3, 1, 1, 20_000_000, REF, sender=SAM)
    agreement = begun(desk, funder=3)
    assert allowance(desk) == 9_900_000
    freeze(desk, agreement)
    outcome = rule(desk, agreement, 3_800_000).result
    assert (outcome["refunded"], outcome["overpaid"]) == (6_060_000, 202_000)
    assert (desk.free(3), desk.locked(3), desk.free(1)) == (MONEY - 4_040_000, 0, MONEY)
    assert allowance(desk) == 15_960_000
    assert owed(desk, SAM, ANN) == [202_000, 0, 0]
    check_books(desk)


def test_closing__sponsored_and_revoked__the_allowance_stays_as_it_is(desk: Desk) -> None:
    desk.escrow.transact("allow", 3, 1, 1, 20_000_000, REF, sender=SAM)
    agreement = freeze(desk, begun(desk, funder=3))
    desk.escrow.transact("revoke", 3, 1, 1, sender=SAM)
    assert rule(desk, agreement, PAID).result["refunded"] == 6_060_000
    assert allowance(desk) == 0
    assert desk.free(3) == MONEY - 4_040_000


def test_closing__is_the_end__nothing_pays_refunds_or_rules_again(desk: Desk) -> None:
    agreement = begun(desk)
    batch = desk.post([(agreement, 9_000_000)])
    desk.evm.warp(DAY)
    rule(desk, freeze(desk, agreement), PAID)
    assert skips(desk.settle(batch)) == [(agreement, 9_000_000, SkipReason.CLOSED)]
    with reverts("Escrow_NotOpen", agreement=agreement):
        rule(desk, agreement, MOST)
    with reverts("Escrow_NotOpen", agreement=agreement):
        desk.escrow.transact("clear", agreement, 0, sender=COURT)
    desk.evm.warp(60 * DAY)
    with reverts("Escrow_NotOpen", agreement=agreement):
        desk.escrow.transact("refund", agreement, sender=ANN)
    with reverts("Escrow_PledgeNotStuck", agreement=agreement):
        desk.escrow.transact("retryRelease", agreement, sender=OTTO)
    check_books(desk)


def test_closing__lent_pledge__only_the_rest_answers_and_the_bond_comes_back_free() -> None:
    """1 120 of stake, 120 pledged of a budget of 1 200; a self-post borrows 100 of them. A ruling recovers
    the 20 that are there, slashes 50 of free stake, and the bond comes back as free stake: 1 120 - 70."""
    desk = fit(open_desk(evm=Evm(), stake=1_120 * DOLLAR))
    agreement = begun(desk, budget=1_200 * DOLLAR, paid=300 * DOLLAR)
    (batch,) = desk.ledger.transact("selfPost", [signed(desk, agreement, 400 * DOLLAR)], sender=OTTO).result
    assert stake(desk) == {
        "free": 1_000 * DOLLAR,
        "pledged": 20 * DOLLAR,
        "reserved": 100 * DOLLAR,
        "thawing": 0,
    }
    assert desk.ledger.call("pledgeBonds", agreement) == 100 * DOLLAR
    freeze(desk, agreement)
    receipt = rule(desk, agreement, 0, lent=100 * DOLLAR, slash=50 * DOLLAR)
    assert receipt.result["overpaid"] == 303 * DOLLAR
    assert receipt.result["slash"] == NOTHING | {
        "recovered": 20 * DOLLAR, "slashed": 50 * DOLLAR, "toVictim": 50 * DOLLAR,
    }  # fmt: skip
    assert stake(desk) == {"free": 950 * DOLLAR, "pledged": 0, "reserved": 100 * DOLLAR, "thawing": 0}
    assert desk.system.staking.call("pledgeBonds", 1) == 0
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", batch, sender=MALLORY)
    assert stake(desk) == {"free": 1_050 * DOLLAR, "pledged": 0, "reserved": 0, "thawing": 0}
    check_books(desk)


def test_closing__greatest_figures__nothing_overflows_and_nothing_is_lost() -> None:
    """The whole of 2^56 - 1 µ at 1 000 basis points on each side, all of it ruled bad, with every figure at
    its most."""
    desk = open_desk(evm=Evm(), money=2**57, stake=2**60)
    desk.escrow.transact("setFees", 1_000, 1_000, sender=desk.system.admin)
    fee = MOST // 10
    agreement = desk.opened(budget=MOST, expiry=desk.now + DAY)
    freeze(desk, agreement)
    receipt = rule(desk, agreement, MOST, closes=False)
    assert receipt.result["paid"] == MOST
    receipt = rule(desk, agreement, 0, slash=2**64 - 1, fee=2**64 - 1, lent=0)
    pledge = -(-MOST // 10)
    assert receipt.result["overpaid"] == MOST + fee
    assert receipt.result["slash"]["recovered"] == pledge
    left = 2**60 - pledge
    assert receipt.result["slash"]["slashed"] == left
    assert receipt.result["slash"]["toVictim"] == MOST + fee - pledge
    assert receipt.result["slash"]["fee"] == 0
    assert desk.escrow.call("overturned", 2) == 2 * fee
    assert stake(desk) == {"free": 0, "pledged": 0, "reserved": 0, "thawing": 0}
    check_books(desk)


# A ruling after which it runs on


def test_not_closing__pays_up_to_the_amount_and_stays_frozen(desk: Desk) -> None:
    agreement = freeze(desk, begun(desk))
    receipt = rule(desk, agreement, 5_000_000, closes=False, slash=600_000, fee=50_000, downtime=7)
    assert receipt.result == {"paid": 1_000_000, "overpaid": 0, "refunded": 0, "slash": NOTHING}
    assert receipt.event("Settled").args == {"agreement": agreement, "paid": 5_000_000}
    record = desk.agreement(agreement)
    assert (record["status"], record["frozen"], record["paid"]) == (Status.OPEN, True, 5_000_000)
    assert (desk.free(1), desk.locked(1)) == (MONEY - 10_100_000, 10_100_000)
    assert desk.escrow.call("earningsOf", 2) == (4_750_000, 0, 300_000)
    assert stake(desk) == {"free": MONEY - 1_000_000, "pledged": 1_000_000, "reserved": 0, "thawing": 0}
    # The same again, and one below what is paid: nothing moves, nothing is taken back.
    for amount in (5_000_000, 4_999_999, 0):
        receipt = rule(desk, agreement, amount, closes=False)
        assert (receipt.result["paid"], receipt.logs) == (0, ())
    assert rule(desk, agreement, MOST, closes=False).result["paid"] == 5_000_000
    assert desk.agreement(agreement)["frozen"]
    check_books(desk)


def test_lease__closing__recovers_what_the_clock_paid_too_much(desk: Desk) -> None:
    """4 000 000 paid by the clock, 3 800 000 stand; 40 400 000 were locked, so 36 360 000 come back. Pledge 4
    000 000."""
    lease = freeze(desk, leased(desk))
    receipt = rule(desk, lease, 3_800_000, slash=600_000)
    assert (receipt.result["overpaid"], receipt.result["refunded"]) == (202_000, 36_360_000)
    assert receipt.event("PledgeSlashed").args["pledge"] == 4_000_000
    assert receipt.result["slash"]["slashed"] == 600_000
    assert receipt.event("Closed").args["reason"] == CloseReason.RULED
    assert desk.escrow.call("overturned", 2) == 12_000
    assert (desk.free(1), desk.locked(1)) == (MONEY - 4_040_000, 0)
    check_books(desk)


def test_lease__running_on__downtime_is_set_up_and_down_and_the_clock_goes_by_it(desk: Desk) -> None:
    """299 200 s had elapsed: 290 000 payable, so 29 000 000 and 9 200 s not served; a later ruling says 200."""
    lease = leased(desk)
    opened_at = desk.now - LAG - 40_000
    freeze(desk, lease)
    receipt = rule(desk, lease, 29_000_000, closes=False, setsDowntime=True, downtime=9_200)
    assert receipt.result["paid"] == 25_000_000
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 9_200}
    assert (desk.agreement(lease)["paid"], desk.agreement(lease)["downtime"]) == (29_000_000, 9_200)
    assert desk.agreement(lease)["frozen"]
    receipt = rule(desk, lease, 29_900_000, closes=False, setsDowntime=True, downtime=200)
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 200}
    assert desk.agreement(lease)["paid"] == 29_900_000
    # The same figure again is no event, and without the flag nothing is set.
    assert rule(desk, lease, 0, closes=False, setsDowntime=True, downtime=200).logs == ()
    assert rule(desk, lease, 0, closes=False, downtime=5).logs == ()
    desk.escrow.transact("clear", lease, 0, sender=COURT)
    desk.evm.warp_to(opened_at + LAG + 310_200)
    # 310 200 s less 200: 31 000 000 in all.
    assert desk.escrow.transact("poke", [lease], sender=MALLORY).result == 1_100_000 * 101 // 100
    check_books(desk)


def test_lease__seconds_that_a_ruling_took_back__stay_taken_back(desk: Desk) -> None:
    """A leaf says 9 200 s not served; the court lets 200 stand, so 9 000 are forgiven. The leaf settles again
    to nothing; the next, cumulative one of 9 500 counts 300 more than was ruled, not 9 300 more."""
    lease = leased(desk)
    batch = desk.post([(lease, 9_200)])
    desk.evm.warp(DAY)
    desk.settle(batch)
    assert desk.agreement(lease)["downtime"] == 9_200
    freeze(desk, lease)
    receipt = rule(desk, lease, 0, closes=False, setsDowntime=True, downtime=200)
    assert receipt.event("DowntimeForgiven").args == {"agreement": lease, "forgiven": 9_000}
    assert desk.escrow.call("forgivenOf", lease) == 9_000
    desk.escrow.transact("clear", lease, 0, sender=COURT)
    assert skips(desk.settle(batch)) == [(lease, 9_200, SkipReason.STALE)]
    assert desk.agreement(lease)["downtime"] == 200
    desk.pay([(lease, 9_500)])
    assert desk.agreement(lease)["downtime"] == 500
    # Raised by a ruling nothing is forgiven, and lowered again by 100 that much more is.
    freeze(desk, lease)
    assert (
        rule(desk, lease, 0, closes=False, setsDowntime=True, downtime=700).events("DowntimeForgiven") == []
    )
    receipt = rule(desk, lease, 0, closes=False, setsDowntime=True, downtime=600)
    assert receipt.event("DowntimeForgiven").args["forgiven"] == 9_100


def test_lease__closing__downtime_is_left_alone(desk: Desk) -> None:
    lease = freeze(desk, leased(desk))
    receipt = rule(desk, lease, 3_800_000, setsDowntime=True, downtime=77)
    assert receipt.events("DowntimeSet") == []
    assert desk.agreement(lease)["downtime"] == 0


# Clearing


def test_clear__no_refund_before_the_time_given(desk: Desk) -> None:
    agreement = freeze(desk, begun(desk))
    due = desk.escrow.call("refundableAt", agreement)
    receipt = desk.escrow.transact("clear", agreement, due + 10, sender=COURT)
    assert receipt.event("Unfrozen").args == {"agreement": agreement}
    assert receipt.event("RefundDelayed").args == {"agreement": agreement, "notBefore": due + 10}
    record = desk.agreement(agreement)
    assert (record["frozen"], record["notBefore"]) == (False, due + 10)
    desk.evm.warp_to(due + 9)
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=due + 10):
        desk.escrow.transact("refund", agreement, sender=ANN)
    receipt = desk.escrow.transact("refundMany", [agreement], sender=ANN)
    assert receipt.event("RefundSkipped").args["reason"] == RefundFault.TOO_EARLY
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=due + 10):
        desk.escrow.transact("refundEarly", agreement, 0, b"", sender=OTTO)
    desk.evm.warp(1)
    assert (
        desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args["refunded"]
        == 6_060_000
    )
    check_books(desk)


def test_clear__the_time_only_rises(desk: Desk) -> None:
    agreement = freeze(desk, begun(desk))
    late = desk.now + 60 * DAY
    desk.escrow.transact("clear", agreement, late, sender=COURT)
    for earlier in (0, late - 1, late):
        freeze(desk, agreement)
        receipt = desk.escrow.transact("clear", agreement, earlier, sender=COURT)
        assert receipt.events("RefundDelayed") == []
        assert desk.agreement(agreement)["notBefore"] == late
    freeze(desk, agreement)
    desk.escrow.transact("clear", agreement, 2**32 - 1, sender=COURT)
    assert desk.agreement(agreement)["notBefore"] == 2**32 - 1


def test_clear__then_it_can_be_frozen_and_ruled_again(desk: Desk) -> None:
    agreement = freeze(desk, begun(desk))
    desk.escrow.transact("clear", agreement, 0, sender=COURT)
    desk.pay([(agreement, 5_000_000)])
    freeze(desk, agreement)
    assert rule(desk, agreement, 4_000_000).result["overpaid"] == 1_010_000
    check_books(desk)
