"""One agreement gives way to another in one call: paid up, closed, and opened anew with what is left, or nothing of it.

Unless a test says otherwise the fees are 500 basis points of the provider and 333 of the customer; the old agreement
has 1 µ a unit and a budget of 1 000 000 µ, of which 300 000 are paid: locked in 1 033 300, spent 300 000 + 9 990.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.eip712 import Replacement, Terms
from tallystick.protocol.enums import CloseReason, KeyKind, OpenRefusal, SkipReason, Status
from tallystick.protocol.figures import encode_figure
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, open_desk, refusals, skips
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.receipts import DEVICE, sign_receipt
from tests.support.system import DOLLAR, Role

IDA, JON, KIM, NORA, ISSUER = (account(name) for name in ("ida", "jon", "kim", "nora", "issuer"))
MONEY = 100_000 * DOLLAR  # Ann's, Sam's, and Otto's stake
REF = b"\x11" * 32
FROZEN, ONE_HOLD = 1 << 11, 1 << 2  # bits of the hot slot


def begun(evm: Evm | None = None, **changes: Any) -> tuple[Desk, int]:
    """The desk and the old agreement, 300 000 µ of it paid."""
    desk = open_desk(evm=evm)
    desk.escrow.transact("setFees", 500, 333, sender=desk.system.admin)
    if changes.get("funder") == 3:
        desk.escrow.transact("allow", 3, 1, 1, 2_000_000, REF, sender=SAM)
    old = desk.opened(**({"expiry": desk.now + 10 * DAY} | changes))
    if changes.get("mode", 0) == 0:
        desk.pay([(old, 300_000)])
    return desk, old


def nora(desk: Desk, free: int = 5_000 * DOLLAR) -> int:
    """Another provider."""
    return desk.system.register(NORA, Role.PROVIDER, free=free)


def digest(desk: Desk, old: int, units: int, terms: Terms, **domain: Any) -> bytes:
    return eip712.digest(desk.domain(**domain), Replacement(old, units, terms).hash_struct())


def signed(desk: Desk, old: int, units: int, terms: Terms, **domain: Any) -> list[bytes]:
    """Everybody's signature: customer, funder, the operator that leaves, the one that comes."""
    message = digest(desk, old, units, terms, **domain)
    comes = NORA if terms.operator == 3 else OTTO
    return [who.sign(message) for who in (ANN, SAM, OTTO, comes)]


def replace(
    desk: Desk,
    old: int,
    units: int,
    terms: Terms,
    *,
    sender: Account = MALLORY,
    signatures: list[bytes] | None = None,
) -> Receipt:
    """Carried by somebody who has no part in it, signed by everybody unless told otherwise."""
    signatures = signed(desk, old, units, terms) if signatures is None else signatures
    receipt = desk.escrow.transact("replace", old, units, tuple(terms), tuple(signatures), sender=sender)
    desk.known.append(int(receipt.result))
    return receipt


def check_books(desk: Desk) -> None:
    desk.check_solvent()
    assert desk.escrow.call("liabilities") == desk.liabilities()


def refund(desk: Desk, number: int) -> int:
    desk.evm.warp_to(desk.escrow.call("refundableAt", number))
    receipt = desk.escrow.transact("refund", number, sender=MALLORY)
    return int(receipt.event("Closed").args["refunded"])


# What it moves


@pytest.mark.parametrize(
    ("budget", "locked", "pledge", "carried"),
    [
        (500_000, 516_650, 50_000, 516_650),  # fee 16 650: 103 329 stay free
        (600_000, 619_980, 60_000, 619_979),  # fee 19 980: one µ of free money besides the rest
        (2_000_003, 2_066_603, 200_001, 619_979),  # fee floor(66 600.0999), pledge ceil(200 000.3)
    ],
    ids=["smaller than the rest", "one above the rest", "larger than the old one"],
)
def test_replace__metered__pays_closes_carries_and_opens(
    budget: int, locked: int, pledge: int, carried: int
) -> None:
    desk, old = begun()
    before = desk.free(1)
    assert before == MONEY - 1_033_300
    terms = desk.terms(budget=budget, unit_price=2_500_000)
    receipt = replace(desk, old, 400_001, terms)
    new = int(receipt.result)
    # 400 001 gross: provider's fee floor(20 000.05) = 20 000, customer's floor(13 320.0333) = 13 320.
    assert desk.escrow.call("earningsOf", 2) == (380_001, 0, 33_320)
    # Of 1 033 300, 413 321 are spent: 619 979 come back.
    assert [log.name for log in receipt.logs if log.address == desk.escrow.address] == [
        "Settled", "Closed", "Opened", "Replaced",
    ]  # fmt: skip
    assert receipt.event("Settled").args == {"agreement": old, "paid": 400_001}
    assert receipt.event("Closed").args == {
        "agreement": old,
        "paid": 400_001,
        "refunded": 619_979,
        "reason": CloseReason.REPLACED,
    }
    assert receipt.event("Opened").args["agreement"] == new
    assert receipt.event("Replaced").args == {"old": old, "agreement": new, "carried": carried}
    assert new == 2 << 32 | int.from_bytes(terms.hash_struct()[:4], "big")
    assert desk.escrow.call("balanceOf", 1) == (before + 619_979 - locked, locked)
    assert desk.pledged() == pledge
    assert desk.agreement(old)["status"] == Status.CLOSED
    record = desk.agreement(new)
    assert [record[name] for name in ("status", "paid", "budget", "unitPrice", "start")] == [
        Status.OPEN, 0, budget, 2_500_000, desk.now,
    ]  # fmt: skip
    assert (record["feeProvider"], record["feeCustomer"]) == (500, 333)
    for who, nonce in ((ANN, terms.customer_nonce), (OTTO, terms.operator_nonce)):
        assert desk.escrow.call("nonceSpent", who.address, nonce)
    check_books(desk)


def test_replace__whole_life_with_both_fees__every_micro_is_somewhere() -> None:
    desk, old = begun()
    new = replace(desk, old, 400_001, desk.terms(budget=600_000, unit_price=2_000_000)).result
    desk.pay([(new, 150_003)])
    # 300 006 gross: fees floor(15 000.3) = 15 000 and floor(9 990.1998) = 9 990. Of 619 980 come back 309 984.
    assert refund(desk, new) == 309_984
    assert desk.escrow.call("balanceOf", 1) == (MONEY - 413_321 - 309_996, 0)
    assert desk.escrow.call("earningsOf", 2) == (380_001 + 285_006, 0, 33_320 + 24_990)
    assert desk.escrow.call("feeTotals") == (58_310, 0)
    # 723 317 left Ann: 665 007 to Paula, 58 310 of fees.
    assert 413_321 + 309_996 == 665_007 + 58_310
    assert desk.pledged() == 0
    check_books(desk)


@pytest.mark.parametrize("units", [0, 1, 299_999, 300_000])
def test_replace__below_what_is_paid__takes_nothing_back(units: int) -> None:
    desk, old = begun()
    receipt = replace(desk, old, units, desk.terms())
    assert receipt.events("Settled") == []
    # 1 033 300 less 309 990.
    assert receipt.event("Closed").args["paid"] == 300_000
    assert receipt.event("Closed").args["refunded"] == 723_310
    assert desk.received(2) == 285_000
    check_books(desk)


@pytest.mark.parametrize("units", [1_000_000, 1_000_001, 2**80 - 1])
def test_replace__all_and_more__pays_the_budget_and_the_new_one_needs_money_of_its_own(units: int) -> None:
    desk, old = begun()
    receipt = replace(desk, old, units, desk.terms(budget=1_000))
    assert receipt.event("Closed").args["paid"] == 1_000_000
    assert receipt.event("Closed").args["refunded"] == 0
    assert receipt.event("Replaced").args["carried"] == 0
    assert desk.received(2) == 950_000
    assert desk.escrow.call("balanceOf", 1) == (MONEY - 1_033_300 - 1_033, 1_033)
    check_books(desk)


def test_replace__figure_of_the_old_one_still_in_its_window__moves_nothing() -> None:
    desk, old = begun()
    batch = desk.post([(old, 900_000)])
    new = replace(desk, old, 400_000, desk.terms()).result
    desk.evm.warp(DAY)
    assert skips(desk.settle(batch)) == [(old, 900_000, SkipReason.CLOSED)]
    assert (desk.agreement(old)["paid"], desk.agreement(new)["paid"]) == (400_000, 0)
    check_books(desk)


def test_replace__split_with_a_failed_member__delivered_work_stays_with_the_old_split() -> None:
    desk = open_desk()
    first = [IDA.address, JON.address], [1, 1]
    second = [IDA.address, KIM.address], [1, 3]
    team, other_team = (
        desk.escrow.transact("createSplit", *list_, sender=ANN).result for list_ in (first, second)
    )
    old = desk.opened(payee=team, expiry=desk.now + 10 * DAY)
    desk.pay([(old, 300_000)])
    new = replace(desk, old, 400_000, desk.terms(payee=other_team)).result
    desk.pay([(new, 100_000)])
    # 380 000 of the old team by halves; 95 000 of the new one by quarters.
    for split, list_, index, who, share in (
        (team, first, 1, JON, 190_000),
        (team, first, 0, IDA, 190_000),
        (other_team, second, 0, IDA, 23_750),
        (other_team, second, 1, KIM, 71_250),
    ):
        receipt = desk.escrow.transact("claimShare", split, index, *list_, who.address, sender=who)
        assert receipt.result == share
    assert [desk.system.balance(who) for who in (IDA, JON, KIM)] == [213_750, 190_000, 71_250]
    check_books(desk)


def test_replace__another_operator__pledges_for_what_is_new_and_the_old_one_is_free() -> None:
    desk, old = begun()
    assert desk.pledged() == 100_000
    other = nora(desk)
    new = replace(desk, old, 400_000, desk.terms(operator=other, budget=500_005)).result
    stake = desk.system.staking
    assert (desk.pledged(), stake.call("get", 1)["free"]) == (0, MONEY)
    # ceil(50 000.5)
    assert (stake.call("get", other)["pledged"], stake.call("get", other)["free"]) == (50_001, 4_999_949_999)
    with reverts("Escrow_NotParty", agreement=new, caller=OTTO.address):
        desk.escrow.transact("close", new, sender=OTTO)
    desk.escrow.transact("close", new, sender=NORA)


def test_replace__same_operator__needs_stake_for_the_new_one_only() -> None:
    desk, old = begun()
    # The old pledge of 100 000 is all that Otto has above the minimum, and it is enough for the new one.
    desk.system.staking.transact("unstake", 1, MONEY - 100_000 - 1_000 * DOLLAR, sender=OTTO)
    snapshot = desk.evm.snapshot()
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=OpenRefusal.NOT_ENOUGH_STAKE):
        replace(desk, old, 400_000, desk.terms(budget=1_000_001))
    desk.evm.revert(snapshot)
    replace(desk, old, 400_000, desk.terms(budget=1_000_000))
    assert desk.pledged() == 100_000


def test_replace__again_and_again__each_by_its_own_number() -> None:
    desk, number = begun()
    for step in range(3):
        number = replace(desk, number, 400_000, desk.terms(budget=1_000_000 - step)).result
        check_books(desk)
    assert desk.received(2) == 3 * 380_000
    assert desk.escrow.call("agreementCount") == 4


# Leases


def lease(**changes: Any) -> tuple[Desk, int]:
    """100 µ a second for 10 000 seconds."""
    return begun(**({"mode": 1, "unit_price": 100_000_000} | changes))


def test_replace__lease__pays_seconds_at_once_that_have_elapsed_and_not_one_more() -> None:
    desk, old = lease()
    desk.evm.warp(700)
    terms = desk.terms(mode=1, unit_price=50_000_000, budget=500_000)
    with reverts("Escrow_UnitsOutOfRange", agreement=old, units=701, most=700):
        replace(desk, old, 701, terms)
    receipt = replace(desk, old, 650, terms)
    # 65 000: fees 3 250 and floor(2 164.5) = 2 164; back come 1 033 300 - 67 164.
    assert desk.escrow.call("earningsOf", 2) == (61_750, 0, 5_414)
    assert receipt.event("Closed").args["refunded"] == 966_136
    new = receipt.result
    assert desk.escrow.call("paidUntil", new) == desk.now + 10_000
    assert desk.escrow.call("balanceOf", 1) == (MONEY - 67_164 - 516_650, 516_650)
    check_books(desk)


def test_replace__lease_that_has_ended__up_to_its_end() -> None:
    desk, old = lease()
    desk.evm.warp(20_000)
    with reverts("Escrow_UnitsOutOfRange", agreement=old, units=10_001, most=10_000):
        replace(desk, old, 10_001, desk.terms())
    receipt = replace(desk, old, 10_000, desk.terms(budget=7))
    assert receipt.event("Closed").args["refunded"] == 0
    assert receipt.event("Closed").args["reason"] == CloseReason.REPLACED
    assert desk.received(2) == 950_000
    check_books(desk)


def test_replace__lease_before_its_start__nothing_is_due() -> None:
    desk, old = lease(start=open_desk().now + 500)
    desk.evm.warp(400)
    with reverts("Escrow_UnitsOutOfRange", agreement=old, units=1, most=0):
        replace(desk, old, 1, desk.terms())
    assert replace(desk, old, 0, desk.terms()).event("Closed").args["refunded"] == 1_033_300
    check_books(desk)


def test_replace__lease_paid_by_its_clock__takes_nothing_back() -> None:
    desk, old = lease()
    desk.evm.warp(3 * DAY + 300)
    assert desk.escrow.transact("poke", [old], sender=MALLORY).result == 30_000 + 999
    receipt = replace(desk, old, 200, desk.terms(mode=1))
    assert receipt.event("Closed").args["paid"] == 30_000
    assert receipt.event("Closed").args["refunded"] == 1_033_300 - 30_999
    check_books(desk)


def test_replace__lease_under_a_tee_policy_that_has_not_begun__nothing_is_due() -> None:
    desk = open_desk()
    policy = desk.system.add_policy(relayer=2, kind=3, issuer=ISSUER.address)
    old = desk.opened(policy=policy, mode=1, unit_price=100_000_000)
    desk.evm.warp(700)
    with reverts("Escrow_UnitsOutOfRange", agreement=old, units=1, most=0):
        replace(desk, old, 1, desk.terms())
    assert replace(desk, old, 0, desk.terms(policy=policy)).event("Closed").args["refunded"] == 1_000_000


def test_replace__a_task_by_a_lease_and_back__each_by_its_own_units() -> None:
    desk, old = begun()
    rented = replace(desk, old, 400_000, desk.terms(mode=1, unit_price=100_000_000)).result
    desk.evm.warp(60)
    task = replace(desk, rented, 60, desk.terms()).result
    assert [desk.agreement(number)["paid"] for number in (old, rented, task)] == [400_000, 6_000, 0]
    # 380 000, and 6 000 - 300.
    assert desk.received(2) == 385_700
    check_books(desk)


# Who must sign


def offer(desk: Desk, **changes: Any) -> Terms:
    return desk.terms(**({"operator": 3, "budget": 500_000} | changes))


def spoilt(desk: Desk, old: int, units: int, terms: Terms, signer: Account) -> list[bytes]:
    """What that signer might show instead of its signature."""
    sign = signer.sign
    return [
        b"",
        MALLORY.sign(digest(desk, old, units, terms)),
        sign(digest(desk, old, units, terms, chain_id=1)),
        sign(digest(desk, old, units, terms, escrow=desk.ledger)),
        sign(digest(desk, old, units + 1, terms)),
        sign(digest(desk, old + (1 << 32), units, terms)),
        sign(digest(desk, old, units, terms._replace(budget=terms.budget - 1))),
        sign(digest(desk, old, units, terms._replace(work_hash=bytes(32)))),
        sign(desk.digest(terms)),  # of the Terms alone
        sign(digest(desk, old, units, terms))[:64],
        bytes(65),
    ]


@pytest.mark.parametrize(
    ("place", "signer"),
    [(0, ANN), (1, SAM), (2, OTTO), (3, NORA)],
    ids=["customer", "funder", "operator that leaves", "operator that comes"],
)
def test_signatures__each_missing_wrong_or_of_another_place__refused(place: int, signer: Account) -> None:
    desk, old = begun(funder=3)
    nora(desk)
    terms = offer(desk, funder=3)
    good = signed(desk, old, 400_000, terms)
    before = desk.picture(), desk.agreement(old)
    for bad in spoilt(desk, old, 400_000, terms, signer):
        signatures = [*good[:place], bad, *good[place + 1 :]]
        with reverts("Escrow_BadSignature", agreement=old, signer=signer.address):
            replace(desk, old, 400_000, terms, signatures=signatures)
    # The signatures of others in its place.
    for shown in (good[(place + 1) % 4], good[(place + 2) % 4]):
        with reverts("Escrow_BadSignature", agreement=old, signer=signer.address):
            replace(desk, old, 400_000, terms, signatures=[*good[:place], shown, *good[place + 1 :]])
    assert (desk.picture(), desk.agreement(old)) == before
    snapshot = desk.evm.snapshot()
    replace(desk, old, 400_000, terms, signatures=good)
    # By calling it signs, and needs to show nothing.
    desk.evm.revert(snapshot)
    desk.known.pop()
    replace(desk, old, 400_000, terms, sender=signer, signatures=[*good[:place], b"", *good[place + 1 :]])
    check_books(desk)


def test_signatures__funder__not_asked_when_it_is_the_customer_or_the_old_policy_waives_it() -> None:
    desk, old = begun()
    terms = desk.terms()
    good = signed(desk, old, 400_000, terms)
    replace(desk, old, 400_000, terms, signatures=[good[0], b"", good[2], b""])

    waiving = desk.system.add_policy(relayer=2, funderWaived=True)
    for policy in (waiving, 1):
        desk.escrow.transact("allow", 3, 1, policy, 5_000_000, REF, sender=SAM)
    free, strict = desk.opened(funder=3, policy=waiving), desk.opened(funder=3)
    # From the waiving policy to the strict one, and the other way round: the policy that runs decides.
    for old, policy, waived in ((free, 1, True), (strict, waiving, False)):
        terms = desk.terms(funder=3, policy=policy)
        good = signed(desk, old, 0, terms)
        unsigned = [good[0], b"", good[2], b""]
        if not waived:
            with reverts("Escrow_BadSignature", agreement=old, signer=SAM.address):
                replace(desk, old, 0, terms, signatures=unsigned)
            unsigned[1] = good[1]
        replace(desk, old, 0, terms, signatures=unsigned)
    check_books(desk)


def test_signatures__two_operators_of_one_owner__sign_once() -> None:
    desk, old = begun()
    second = desk.system.register(OTTO, Role.PROVIDER, free=2_000 * DOLLAR)
    terms = desk.terms(operator=second)
    good = signed(desk, old, 0, terms)
    new = replace(desk, old, 0, terms, signatures=[good[0], b"", good[2], b""]).result
    assert desk.agreement(new)["operator"] == second


def test_signatures__of_a_replacement__open_nothing_by_themselves() -> None:
    desk, old = begun()
    terms = desk.terms()
    good = signed(desk, old, 400_000, terms)
    receipt = desk.open_with([(terms, (good[0], good[2]))])
    assert refusals(receipt) == [(0, OpenRefusal.BAD_CUSTOMER_SIGNATURE)]


def test_replay__same_replacement_again__changes_nothing() -> None:
    desk, old = begun()
    terms = desk.terms()
    good = signed(desk, old, 400_000, terms)
    new = replace(desk, old, 400_000, terms, signatures=good).result
    before = desk.picture()
    with reverts("Escrow_NotOpen", agreement=old):
        replace(desk, old, 400_000, terms, signatures=good)
    with reverts("Escrow_BadSignature", agreement=new, signer=ANN.address):
        replace(desk, new, 400_000, terms, signatures=good)
    # Nor do the parties' own signatures over the same Terms open them a second time.
    with reverts("Escrow_ReplacementRefused", agreement=new, refusal=OpenRefusal.NONCE_SPENT):
        replace(desk, new, 400_000, terms)
    assert refusals(desk.open(terms)) == [(0, OpenRefusal.NONCE_SPENT)]
    assert desk.picture() == before


# When it is refused


def test_replace__another_customer_or_funder__refused() -> None:
    desk, old = begun()
    desk.escrow.transact("allow", 3, 1, 1, 5_000_000, REF, sender=SAM)
    for changes in ({"customer": 3}, {"funder": 3}, {"customer": 2}, {"customer": 0}):
        with reverts("Escrow_OtherParties", agreement=old):
            replace(desk, old, 400_000, desk.terms(**changes))
    sponsored = desk.opened(funder=3)
    for changes in ({"funder": 1}, {"customer": 3, "funder": 3}, {"customer": 2, "funder": 3}):
        with reverts("Escrow_OtherParties", agreement=sponsored):
            replace(desk, sponsored, 0, desk.terms(**changes))


@pytest.mark.parametrize("bits", [FROZEN, ONE_HOLD])
def test_replace__frozen_or_held__refused(bits: int) -> None:
    desk, old = begun(evm=Evm())
    desk.set_bits(old, hot=bits)
    with reverts("Escrow_Held", agreement=old):
        replace(desk, old, 400_000, desk.terms())
    assert desk.agreement(old)["paid"] == 300_000


def test_replace__closed_or_never_opened__refused() -> None:
    desk, old = begun()
    refund(desk, old)
    for number in (old, old + 1, 0):
        with reverts("Escrow_NotOpen", agreement=number):
            replace(desk, number, 400_000, desk.terms())


Case = Callable[[Desk], Terms]


def _with(**changes: Any) -> Case:
    return lambda desk: desk.terms(**changes)


def _late(desk: Desk) -> Terms:
    return desk.terms(deadline=desk.now - 1)


def _past(desk: Desk) -> Terms:
    return desk.terms(expiry=desk.now)


def _retired(desk: Desk) -> Terms:
    desk.system.policy_book.transact("retire", 1, sender=desk.system.admin)
    return desk.terms()


def _withdrawn(who: Account, name: str) -> Case:
    """The offer was cancelled after it was signed."""

    def build(desk: Desk) -> Terms:
        desk.escrow.transact("cancelNonces", 3, 1 << 7, sender=who)
        return desk.terms(**{name: 3 * 256 + 7})

    return build


def _poor(desk: Desk) -> Terms:
    """With 400 001 µ paid Ann gets 619 979 back, and has no other money."""
    desk.escrow.transact("withdraw", 1, desk.free(1), ANN.address, sender=ANN)
    return desk.terms(budget=600_000)  # 619 980 with its fee


def _poor_operator(desk: Desk) -> Terms:
    return desk.terms(operator=nora(desk, free=1_000 * DOLLAR + 99_999))


def _unknown_customer(desk: Desk) -> Terms:
    policy = desk.system.add_policy(relayer=2, customerCredentials=1 << 1, issuer=ISSUER.address)
    return desk.terms(policy=policy)


def _unknown_provider(desk: Desk) -> Terms:
    policy = desk.system.add_policy(relayer=2, operatorCredentials=1, issuer=ISSUER.address)
    return desk.terms(policy=policy)


_REFUSED: list[tuple[str, Case, OpenRefusal]] = [
    ("too late", _late, OpenRefusal.DEADLINE_PASSED),
    ("no price", _with(unit_price=0), OpenRefusal.PRICE_IS_ZERO),
    ("no budget", _with(budget=0), OpenRefusal.BUDGET_OUT_OF_RANGE),
    ("above its maximum", _with(budget=11, max_budget=10), OpenRefusal.BUDGET_OUT_OF_RANGE),
    ("expired", _past, OpenRefusal.TIMES_OUT_OF_RANGE),
    ("no such policy", _with(policy=9), OpenRefusal.POLICY_NOT_OPEN),
    ("retired policy", _retired, OpenRefusal.POLICY_NOT_OPEN),
    ("provider's fee", _with(max_fee_provider=499), OpenRefusal.FEE_ABOVE_MAXIMUM),
    ("customer's fee", _with(max_fee_customer=332), OpenRefusal.FEE_ABOVE_MAXIMUM),
    ("no such payee", _with(payee=9), OpenRefusal.UNKNOWN_ACCOUNT),
    ("no such operator", _with(operator=9), OpenRefusal.UNKNOWN_OPERATOR),
    ("customer's nonce", _withdrawn(ANN, "customer_nonce"), OpenRefusal.NONCE_SPENT),
    ("operator's nonce", _withdrawn(OTTO, "operator_nonce"), OpenRefusal.NONCE_SPENT),
    ("customer's credential", _unknown_customer, OpenRefusal.CUSTOMER_CREDENTIAL_MISSING),
    ("operator's credential", _unknown_provider, OpenRefusal.OPERATOR_CREDENTIAL_MISSING),
    ("money", _poor, OpenRefusal.NOT_ENOUGH_FUNDS),
    ("stake", _poor_operator, OpenRefusal.NOT_ENOUGH_STAKE),
]  # fmt: skip


@pytest.mark.parametrize(("case", "reason"), [row[1:] for row in _REFUSED], ids=[row[0] for row in _REFUSED])
def test_replace__the_new_one_cannot_open__nothing_of_it_happens(case: Case, reason: OpenRefusal) -> None:
    desk, old = begun()
    terms = case(desk)
    before = desk.picture(), desk.agreement(old)
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=reason):
        replace(desk, old, 400_001, terms)
    assert (desk.picture(), desk.agreement(old)) == before
    nonces = (ANN, terms.customer_nonce), (OTTO, terms.operator_nonce)
    unspent = [not desk.escrow.call("nonceSpent", who.address, nonce) for who, nonce in nonces]
    assert unspent.count(True) == (1 if reason == OpenRefusal.NONCE_SPENT else 2)
    desk.pay([(old, 350_000)])  # it runs on
    assert desk.agreement(old)["paid"] == 350_000
    check_books(desk)


def test_replace__what_a_refused_one_is_short_of__is_all_that_it_was_short_of() -> None:
    desk, old = begun()
    terms = _poor(desk)
    desk.system.fund(ANN, 1, desk.escrow)
    desk.escrow.transact("deposit", 1, 1, sender=ANN)
    replace(desk, old, 400_001, terms)
    assert desk.escrow.call("balanceOf", 1) == (0, 619_980)
    check_books(desk)


def test_replace__paused_openings_paused_currency_retired_policy__it_is_a_way_out_still() -> None:
    desk, old = begun()
    fresh = desk.system.add_policy(relayer=2)
    desk.system.policy_book.transact("retire", 1, sender=desk.system.admin)
    desk.escrow.transact("pauseOpening", 3 * DAY, sender=desk.system.admin)
    desk.system.currency.transact("setPaused", True, sender=desk.system.admin)
    new = replace(desk, old, 400_000, desk.terms(policy=fresh)).result
    assert desk.agreement(new)["policy"] == fresh
    assert desk.received(2) == 380_000


# Sponsors


def test_sponsor__allowance__restored_by_the_rest_and_drawn_by_the_new_budget() -> None:
    desk, old = begun(funder=3)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (966_700, 0)
    new = replace(desk, old, 400_001, desk.terms(funder=3, budget=600_000)).result
    # + 619 979 of the rest, - 619 980
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (966_699, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 413_321 - 619_980, 619_980)
    assert refund(desk, new) == 619_980
    # Just what the work cost is gone: 2 000 000 - 400 001 - 13 320.
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (1_586_679, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 413_321, 0)
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    check_books(desk)


def test_sponsor__allowance_short_by_one__refused_and_nothing_changed() -> None:
    desk, old = begun(funder=3)
    # 966 700 + 619 979 = 1 586 679; 1 535 547 and its fee floor(51 133.7151) = 51 133 are one more.
    before = desk.picture(), desk.agreement(old)
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=OpenRefusal.NOT_ENOUGH_ALLOWANCE):
        replace(desk, old, 400_001, desk.terms(funder=3, budget=1_535_547))
    assert (desk.picture(), desk.agreement(old)) == before
    replace(desk, old, 400_001, desk.terms(funder=3, budget=1_535_546))
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 0)


def test_sponsor__another_policy__restores_the_old_allowance_and_draws_the_new_one() -> None:
    desk, old = begun(funder=3)
    other = desk.system.add_policy(relayer=2)
    with reverts("Escrow_ReplacementRefused", refusal=OpenRefusal.NOT_ENOUGH_ALLOWANCE):
        replace(desk, old, 400_001, desk.terms(funder=3, policy=other, budget=600_000))
    desk.escrow.transact("allow", 3, 1, other, 700_000, REF, sender=SAM)
    replace(desk, old, 400_001, desk.terms(funder=3, policy=other, budget=600_000))
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (1_586_679, 0)
    assert desk.escrow.call("allowanceOf", 3, 1, other) == (80_020, 0)
    check_books(desk)


def test_sponsor__revoked_pair__the_rest_restores_nothing_and_the_new_one_needs_a_new_allowance() -> None:
    desk, old = begun(funder=3)
    desk.escrow.transact("revoke", 3, 1, 1, sender=SAM)
    terms = desk.terms(funder=3, budget=600_000)
    with reverts("Escrow_ReplacementRefused", refusal=OpenRefusal.NOT_ENOUGH_ALLOWANCE):
        replace(desk, old, 400_001, terms)
    desk.escrow.transact("allow", 3, 1, 1, 619_980, REF, sender=SAM)
    new = replace(desk, old, 400_001, terms).result
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 1)
    # What opened after the revocation restores again.
    refund(desk, new)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (619_980, 1)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 413_321, 0)
    check_books(desk)


def test_replace__claims_afterwards__pay_what_both_earned() -> None:
    desk, old = begun()
    new = replace(desk, old, 400_000, desk.terms()).result
    desk.pay([(new, 100_000)])
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 380_000 + 95_000
    check_books(desk)


# Stake behind a self-post, and wallets


def stake(desk: Desk) -> dict[str, int]:
    """Whole dollars of Otto's."""
    row = desk.system.staking.call("get", 1)
    assert sum(row[part] % DOLLAR for part in ("free", "pledged", "reserved", "thawing")) == 0
    return {part: row[part] // DOLLAR for part in ("free", "pledged", "reserved", "thawing")}


def lent(others: int) -> tuple[Desk, int, int]:
    """Otto has the minimum free, a pledge of 250 dollars and `others` besides, 100 of it lent to a self-post's bond."""
    desk = open_desk(evm=Evm(), stake=(1_250 + others) * DOLLAR)
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    old = desk.opened(budget=2_500 * DOLLAR)
    if others:
        desk.opened(budget=10 * others * DOLLAR)
    desk.evm.warp(10)
    claim = Claim(old, 400_000, desk.now - 1, desk.now, bytes(32), exclusive=True)
    item = sign_receipt(desk.evm, desk.ledger, claim)
    (batch,) = desk.ledger.transact("selfPost", [item], sender=OTTO).result
    assert stake(desk) == {"free": 1_000, "pledged": 150 + others, "reserved": 100, "thawing": 0}
    return desk, old, int(batch)


def test_replace__pledge_lent_to_a_bond__the_new_one_cannot_count_on_it_and_it_comes_back() -> None:
    desk, old, batch = lent(0)
    before = desk.picture()
    # ceil of a tenth of 1 500 dollars and a µ is a µ more than the 150 that are not lent.
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=OpenRefusal.NOT_ENOUGH_STAKE):
        replace(desk, old, 400_000, desk.terms(budget=1_500 * DOLLAR + 1))
    assert desk.picture() == before
    new = replace(desk, old, 400_000, desk.terms(budget=1_500 * DOLLAR)).result
    assert stake(desk) == {"free": 1_000, "pledged": 150, "reserved": 100, "thawing": 0}
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("settle", batch, encode_figure(old, 400_000), sender=MALLORY)
    assert desk.agreement(old)["paid"] == 400_000  # by the replacement, and not once more
    assert stake(desk) == {"free": 1_100, "pledged": 150, "reserved": 0, "thawing": 0}
    refund(desk, new)
    assert stake(desk) == {"free": 1_250, "pledged": 0, "reserved": 0, "thawing": 0}
    check_books(desk)


def test_replace__pledge_lent_to_a_bond_beside_others_pledges__all_are_whole_in_the_end() -> None:
    desk, old, batch = lent(100)
    new = replace(desk, old, 400_000, desk.terms(budget=2_500 * DOLLAR)).result
    assert stake(desk) == {"free": 1_000, "pledged": 250, "reserved": 100, "thawing": 0}
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", batch, sender=MALLORY)
    assert stake(desk) == {"free": 1_000, "pledged": 350, "reserved": 0, "thawing": 0}
    refund(desk, new)
    assert stake(desk) == {"free": 1_250, "pledged": 100, "reserved": 0, "thawing": 0}
    check_books(desk)


@pytest.mark.parametrize("answer", [0, 2, 8, 9], ids=["honest", "no", "reverts", "burns all gas"])
def test_signatures__operator_that_comes_is_a_wallet__only_its_keys_signature_counts(answer: int) -> None:
    """Were the call to it not capped, the last one would burn all but a 64th of 2^40 gas, and never end here."""
    desk, old = begun()
    wallet = desk.evm.deploy("WalletMock", NORA.address)
    register = desk.system.staking.encode("register", int(Role.PROVIDER), 1, 276, 0, bytes(32))
    wallet.transact("execute", desk.system.staking.address, register, sender=MALLORY)
    desk.system.fund(MALLORY, 2_000 * DOLLAR, desk.system.staking)
    desk.system.staking.transact("stake", 3, 2_000 * DOLLAR, sender=MALLORY)
    wallet.transact("setAnswer", answer, desk.escrow.address, b"", bytes(32), sender=MALLORY)
    terms = offer(desk)
    good = signed(desk, old, 400_000, terms)
    before = desk.picture()
    forged = [*good[:3], MALLORY.sign(digest(desk, old, 400_000, terms))]
    for signatures in [forged] if answer == 0 else [forged, good]:
        with reverts("Escrow_BadSignature", agreement=old, signer=wallet.address):
            replace(desk, old, 400_000, terms, signatures=signatures)
    assert desk.picture() == before
    if answer == 0:
        new = replace(desk, old, 400_000, terms, signatures=good).result
        assert desk.agreement(new)["operator"] == 3
