"""More money for a running agreement, and one agreement that gives way to another; every message by eth-account's hash.

Otto provides, Rita is made a second provider (operator 3) where one is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Replacement, Terms, TopUp
from tallystick.protocol.enums import CloseReason, OpenRefusal
from tallystick.protocol.keys import CURVE_ORDER
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, RITA, SAM, Desk, open_desk, open_solo, refusals
from tests.support.evm import Account, Evm, Receipt, reverts
from tests.support.system import DOLLAR, Role

MONEY = 100_000 * DOLLAR
FROZEN, HELD = 1 << 11, 1 << 2
NOBODY = b""


def set_fees(desk: Desk, provider: int, customer: int) -> None:
    desk.escrow.transact("setFees", provider, customer, sender=desk.system.admin)


def digest(desk: Desk, message: TopUp | Replacement, **domain: Any) -> bytes:
    return eip712.digest(desk.domain(**domain), message.hash_struct())


def offer(desk: Desk, **changes: Any) -> tuple[int, Terms, tuple[bytes, bytes]]:
    """An open agreement, its Terms and both signatures on them."""
    terms = desk.terms(**changes)
    (number,) = desk.opened_many([terms])
    return number, terms, desk.signed(terms)


def top_up(
    desk: Desk, number: int, budget: int, terms: Terms, pair: tuple[bytes, bytes], sender: Account = ANN
) -> Receipt:
    return desk.escrow.transact("topUp", number, budget, tuple(terms), pair, sender=sender)


def top_up_signed(
    desk: Desk, number: int, budget: int, *, deadline: int | None = None, by: Account = OTTO,
    signature: bytes | None = None, sender: Account = ANN,
) -> Receipt:  # fmt: skip
    until = desk.now + 600 if deadline is None else deadline
    if signature is None:
        signature = by.sign(digest(desk, TopUp(number, budget, until)))
    return desk.escrow.transact("topUpSigned", number, budget, until, signature, sender=sender)


# Top up


def test_top_up__locks_the_difference_with_its_fee_and_raises_the_pledge() -> None:
    """1 000 001 to 1 500 009 µ at 150 bps: fees 15 000 and 22 500; pledges 100 001 and 150 001."""
    desk = open_desk()
    set_fees(desk, 500, 150)
    number, terms, pair = offer(desk, budget=1_000_001, max_budget=1_500_009)
    assert desk.pledged() == 100_001
    receipt = top_up(desk, number, 1_500_009, terms, pair)
    assert receipt.event("ToppedUp").args == {"agreement": number, "budget": 1_500_009}
    locked = 1_500_009 + 22_500
    assert desk.escrow.call("balanceOf", 1) == (MONEY - locked, locked)
    assert (desk.agreement(number)["budget"], desk.pledged()) == (1_500_009, 150_001)
    desk.check_solvent()
    desk.evm.warp_to(desk.escrow.call("refundableAt", number))
    assert desk.escrow.transact("refund", number, sender=MALLORY).event("Closed").args["refunded"] == locked
    assert (desk.escrow.call("balanceOf", 1), desk.pledged()) == ((MONEY, 0), 0)


def test_top_up__of_a_lease__extends_it_to_the_second() -> None:
    desk = open_desk()
    start = desk.now
    terms = desk.terms(mode=1, unit_price=100_000_000, budget=1_000, max_budget=5_000)
    (number,) = desk.opened_many([terms])
    pair = desk.signed(terms)
    desk.evm.warp(9)
    top_up(desk, number, 2_099, terms, pair)
    assert desk.escrow.call("paidUntil", number) == start + 20
    desk.evm.warp(10)
    top_up(desk, number, 3_000, terms, pair)
    assert desk.escrow.call("paidUntil", number) == start + 30
    desk.evm.warp_to(start + 30)
    with reverts("Escrow_Ended", agreement=number, end=start + 30):
        top_up(desk, number, 4_000, terms, pair)
    with reverts("Escrow_Ended", agreement=number, end=start + 30):
        top_up_signed(desk, number, 4_000)


@pytest.mark.parametrize(
    ("budget", "most"), [(1_000_000, 2_000_000), (999_999, 2_000_000), (2_000_001, 2_000_000)]
)
def test_top_up__not_above_what_there_is_or_beyond_the_terms__refused(budget: int, most: int) -> None:
    desk = open_desk()
    number, terms, pair = offer(desk, max_budget=most)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=budget, most=most):
        top_up(desk, number, budget, terms, pair)
    top_up(desk, number, most, terms, pair)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=most, most=most):
        top_up(desk, number, most, terms, pair)


def test_top_up__by_anybody_but_the_funder__refused() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    number, terms, pair = offer(desk, funder=3)
    for who in (ANN, OTTO, PAULA, MALLORY):
        with reverts("Escrow_NotOwner", account=3, caller=who.address):
            top_up(desk, number, 1_000_001, terms, pair, sender=who)
        with reverts("Escrow_NotOwner", account=3, caller=who.address):
            top_up_signed(desk, number, 1_000_001, sender=who)


def test_top_up__sponsored__draws_the_allowance_and_a_refund_restores_it() -> None:
    desk = open_desk()
    set_fees(desk, 500, 100)
    desk.escrow.transact("allow", 3, 1, 1, 5_050, bytes(32), sender=SAM)
    number, terms, pair = offer(desk, funder=3, budget=1_000)
    with reverts("Escrow_NotEnoughAllowance", funder=3, allowed=4_040, wanted=4_041):
        top_up(desk, number, 5_001, terms, pair, sender=SAM)
    top_up(desk, number, 5_000, terms, pair, sender=SAM)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 5_050, 5_050)
    desk.evm.warp_to(desk.escrow.call("refundableAt", number))
    desk.escrow.transact("refund", number, sender=MALLORY)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (5_050, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY, 0)
    desk.check_solvent()


def test_top_up__without_the_money_or_the_stake__changes_nothing() -> None:
    desk = open_desk()
    number, terms, pair = offer(desk)
    picture = desk.picture()
    free = MONEY - 1_000_000
    with reverts("Escrow_NotEnoughFree", account=1, free=free, wanted=free + 1):
        top_up(desk, number, MONEY + 1, terms, pair)
    desk.system.staking.transact("unstake", 1, MONEY - 1_000 * DOLLAR - 100_000 - 9, sender=OTTO)
    staked = desk.picture()
    with reverts("Escrow_NotEnoughStake", operator=1, wanted=10):
        top_up(desk, number, 1_000_091, terms, pair)
    assert desk.picture() == staked != picture
    top_up(desk, number, 1_000_090, terms, pair)
    assert desk.pledged() == 100_009


def test_top_up__frozen_closed_or_ended__refused() -> None:
    desk = open_desk(evm=Evm())
    frozen, terms, pair = offer(desk)
    desk.set_bits(frozen, hot=FROZEN)
    with reverts("Escrow_Held", agreement=frozen):
        top_up(desk, frozen, 1_000_001, terms, pair)
    with reverts("Escrow_Held", agreement=frozen):
        top_up_signed(desk, frozen, 1_000_001)
    number, terms, pair = offer(desk)
    desk.escrow.transact("close", number, sender=OTTO)
    with reverts("Escrow_Ended", agreement=number, end=desk.now):
        top_up(desk, number, 1_000_001, terms, pair)
    desk.evm.warp(432_000)
    desk.escrow.transact("refund", number, sender=MALLORY)
    for missing in (number, 0, 77):
        with reverts("Escrow_NotOpen", agreement=missing):
            top_up(desk, missing, 1_000_001, terms, pair)
        with reverts("Escrow_NotOpen", agreement=missing):
            top_up_signed(desk, missing, 1_000_001)


def test_top_up__with_other_terms__refused() -> None:
    desk = open_desk()
    number, terms, _ = offer(desk, max_budget=1_500_000)
    for changes in ({"max_budget": 2**56 - 1}, {"work_hash": bytes(32)}, {"unit_price": 1}, {"payee": 3}):
        other = terms._replace(**changes)
        with reverts("Escrow_WrongTerms", agreement=number):
            top_up(desk, number, 1_400_000, other, desk.signed(other))
    # The Terms of one agreement serve no other.
    second, other, pair = offer(desk, max_budget=2**56 - 1)
    assert second != number
    with reverts("Escrow_WrongTerms", agreement=number):
        top_up(desk, number, 1_400_000, other, pair)


def test_top_up__a_forged_offer_with_the_same_32_bits__needs_both_signatures() -> None:
    """Whoever grinds 2^32 hashes finds one; what it cannot make is the other side's signature."""
    desk = open_desk()
    number, first, (customer, operator) = offer(desk)
    for pair, signer in (
        ((customer, MALLORY.sign(desk.digest(first))), OTTO),
        ((customer, NOBODY), OTTO),
        ((customer, high_s(operator)), OTTO),
    ):
        with reverts("Escrow_BadSignature", agreement=number, signer=signer.address):
            top_up(desk, number, 1_000_001, first, pair)
    # The caller counts as its own signature.
    top_up(desk, number, 1_000_001, first, (NOBODY, operator))
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    sponsored, terms, (customer, operator) = offer(desk, funder=3)
    with reverts("Escrow_BadSignature", agreement=sponsored, signer=ANN.address):
        top_up(desk, sponsored, 1_000_001, terms, (operator, operator), sender=SAM)
    top_up(desk, sponsored, 1_000_001, terms, (customer, operator), sender=SAM)


def high_s(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


# Top up with the operator's signature


def test_top_up_signed__beyond_the_terms__with_the_operator_s_signature() -> None:
    desk = open_desk()
    number = desk.opened(max_budget=1_000_000)
    message = TopUp(number, 3_000_000, desk.now + 600)
    oracle = encode_typed_data(
        {"name": "Tallystick Escrow", "version": "1", "chainId": 31_337, "verifyingContract": desk.escrow.address},
        {"TopUp": [{"type": "uint64", "name": "agreement"}, {"type": "uint56", "name": "budget"},
                   {"type": "uint40", "name": "deadline"}]},
        message._asdict(),
    )  # fmt: skip
    assert oracle.body == message.hash_struct()
    top_up_signed(desk, number, 3_000_000)
    assert (desk.agreement(number)["budget"], desk.pledged()) == (3_000_000, 300_000)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=3_000_000):  # its replay
        top_up_signed(desk, number, 3_000_000)
    desk.check_solvent()


def test_top_up_signed__wrong_signer_late_or_of_elsewhere__refused() -> None:
    desk = open_desk()
    number, other = desk.opened(), desk.opened()
    until = desk.now + 600
    message = TopUp(number, 2_000_000, until)
    good = OTTO.sign(digest(desk, message))
    bad = [
        MALLORY.sign(digest(desk, message)),
        ANN.sign(digest(desk, message)),
        OTTO.sign(digest(desk, TopUp(other, 2_000_000, until))),
        OTTO.sign(digest(desk, TopUp(number, 2_000_001, until))),
        OTTO.sign(digest(desk, TopUp(number, 2_000_000, until + 1))),
        OTTO.sign(digest(desk, message, chain_id=1)),
        OTTO.sign(digest(desk, message, escrow=desk.ledger)),
        high_s(good),
        good[:64],
        NOBODY,
    ]
    for signature in bad:
        with reverts("Escrow_BadSignature", agreement=number, signer=OTTO.address):
            top_up_signed(desk, number, 2_000_000, deadline=until, signature=signature)
    desk.evm.warp_to(until + 1)
    with reverts("Escrow_DeadlinePassed", deadline=until):
        top_up_signed(desk, number, 2_000_000, deadline=until, signature=good)
    desk.evm.warp_to(until)
    top_up_signed(desk, number, 2_000_000, deadline=until, signature=good)


def test_top_up_signed__the_largest_budget__fits_its_slot() -> None:
    desk, _ = open_solo()
    desk.system.fund(MALLORY, 2**57, desk.escrow)
    desk.escrow.transact("deposit", 1, 2**57, sender=MALLORY)
    number = desk.opened(unit_price=2**56 - 1)
    until = desk.now + 600
    signature = OTTO.sign(digest(desk, TopUp(number, 2**56 - 1, until)))
    desk.escrow.transact("topUpSigned", number, 2**56 - 1, until, signature, sender=ANN)
    record = desk.agreement(number)
    assert (record["budget"], record["unitPrice"], record["paid"], record["payee"]) == (
        2**56 - 1,
        2**56 - 1,
        0,
        2,
    )
    assert desk.settle_directly([(number, 2**80 - 1)]).result == 2**56 - 1
    desk.check_solvent()


# Replace


def signed(
    desk: Desk, old: int, units: int, terms: Terms, *, customer: Any = ANN, funder: Any = None,
    leaves: Any = OTTO, comes: Any = None, **domain: Any,
) -> tuple[bytes, bytes, bytes, bytes]:  # fmt: skip
    """Signatures on a replacement: customer's, funder's, of the operator that leaves, of the one that comes."""
    made = digest(desk, Replacement(old, units, terms), **domain)
    people = (customer, funder, leaves, comes)
    return tuple(NOBODY if who is None else who.sign(made) for who in people)  # type: ignore[return-value]


def replace(
    desk: Desk, old: int, units: int, terms: Terms, signatures: tuple[bytes, ...] | None = None,
    sender: Account = MALLORY,
) -> Receipt:  # fmt: skip
    pairs = signed(desk, old, units, terms) if signatures is None else signatures
    receipt = desk.escrow.transact("replace", old, units, tuple(terms), pairs, sender=sender)
    desk.known.append(receipt.result)
    return receipt


def second_provider(desk: Desk) -> int:
    return desk.system.register(RITA, Role.PROVIDER, free=50_000 * DOLLAR)


def test_replacement__hash__is_eth_account_s() -> None:
    desk = open_desk()
    terms = desk.terms()
    fields = eip712.TERMS_TYPE.removeprefix("Terms(").removesuffix(")").split(",")
    types = {
        "Terms": [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in fields],
        "Replacement": [{"type": "uint64", "name": "agreement"}, {"type": "uint80", "name": "finalUnits"},
                        {"type": "Terms", "name": "terms"}],
    }  # fmt: skip
    named = {part["name"]: value for part, value in zip(types["Terms"], terms, strict=True)}
    oracle = encode_typed_data(
        {"name": "Tallystick Escrow", "version": "1", "chainId": 31_337, "verifyingContract": desk.escrow.address},
        types,
        {"agreement": 7, "finalUnits": 2**79, "terms": named},
    )  # fmt: skip
    assert desk.escrow.call("hashReplacement", 7, 2**79, tuple(terms)) == oracle.body
    assert Replacement(7, 2**79, terms).hash_struct() == oracle.body


def test_replace__pays_the_old_payee_closes_and_carries_the_rest_over() -> None:
    """700 of 1 000 µ stay: 300 are paid with 3 µ of customer's fee, 15 of the provider's; 400 go into the new one."""
    desk = open_desk()
    set_fees(desk, 500, 100)
    comes = second_provider(desk)
    old = desk.opened(budget=1_000)
    terms = desk.terms(operator=comes, payee=3, budget=400, unit_price=7)
    receipt = replace(desk, old, 300, terms, signed(desk, old, 300, terms, comes=RITA))
    new = int(receipt.result)
    assert new >> 32 == 2
    assert receipt.event("Settled").args == {"agreement": old, "paid": 300}
    assert receipt.event("Closed").args == {
        "agreement": old, "paid": 300, "refunded": 1_010 - 303, "reason": CloseReason.REPLACED,
    }  # fmt: skip
    assert receipt.event("Opened").args["agreement"] == new
    assert receipt.event("Replaced").args == {"old": old, "agreement": new, "carried": 404}
    assert desk.escrow.call("earningsOf", 2) == (285, 0, 18)
    assert desk.escrow.call("feeTotals") == (18, 0)
    assert desk.escrow.call("balanceOf", 1) == (MONEY - 303 - 404, 404)
    assert (desk.agreement(old)["status"], desk.agreement(new)["payee"]) == (2, 3)
    stakes = [desk.system.staking.call("get", number)["pledged"] for number in (1, comes)]
    assert stakes == [0, 40]
    desk.check_solvent()


def test_replace__dearer_than_what_is_left__draws_free_money_or_reverts_whole() -> None:
    desk = open_desk()
    old = desk.opened(budget=MONEY)
    picture = desk.picture()
    terms = desk.terms(budget=MONEY)
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=OpenRefusal.NOT_ENOUGH_FUNDS):
        replace(desk, old, 1, terms)
    assert desk.picture() == picture
    assert desk.agreement(old)["status"] == 1
    receipt = replace(desk, old, 0, terms)
    assert receipt.event("Replaced").args["carried"] == MONEY
    assert desk.escrow.call("balanceOf", 1) == (0, MONEY)


def test_replace__same_operator__its_pledge_comes_free_in_time_for_the_new_one() -> None:
    desk = open_desk(stake=1_100 * DOLLAR)
    old = desk.opened(budget=1_000 * DOLLAR)  # pledges all 100 dollars above the minimum
    replace(desk, old, 0, desk.terms(budget=1_000 * DOLLAR))
    assert desk.pledged() == 100 * DOLLAR


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"deadline": -1}, OpenRefusal.DEADLINE_PASSED),
        ({"unit_price": 0}, OpenRefusal.PRICE_IS_ZERO),
        ({"budget": 0}, OpenRefusal.BUDGET_OUT_OF_RANGE),
        ({"policy": 9}, OpenRefusal.POLICY_NOT_OPEN),
        ({"max_fee_provider": 0}, OpenRefusal.FEE_ABOVE_MAXIMUM),
        ({"payee": 9}, OpenRefusal.UNKNOWN_ACCOUNT),
        ({"operator": 9}, OpenRefusal.UNKNOWN_OPERATOR),
        ({"operator": 2}, OpenRefusal.NOT_ENOUGH_STAKE),
        ({"customer_nonce": 0}, OpenRefusal.NONCE_SPENT),
        ({"operator_nonce": 0}, OpenRefusal.NONCE_SPENT),
    ],
)
def test_replace__that_cannot_open__leaves_the_old_one_as_it_was(
    changes: dict[str, int], refusal: OpenRefusal
) -> None:
    desk = open_desk()
    desk.escrow.transact("cancelNonces", 0, 1, sender=ANN)
    desk.escrow.transact("cancelNonces", 0, 1, sender=OTTO)
    old = desk.opened()
    if "deadline" in changes:
        changes = {"deadline": desk.now - 1}
    terms = desk.terms(**changes)
    picture, record = desk.picture(), desk.agreement(old)
    comes = RITA if changes.get("operator") == 2 else None
    with reverts("Escrow_ReplacementRefused", agreement=old, refusal=refusal):
        replace(desk, old, 10, terms, signed(desk, old, 10, terms, comes=comes))
    assert (desk.picture(), desk.agreement(old)) == (picture, record)


def test_replace__final_units__pay_at_most_the_budget_and_never_take_back() -> None:
    desk, _ = open_solo(fee_provider=0)
    for units, before, paid in ((5, 0, 5), (400, 500, 500), (2**80 - 1, 0, 1_000), (0, 0, 0)):
        old = desk.opened(budget=1_000)
        if before:
            desk.settle_directly([(old, before)])
        terms = desk.terms(budget=10)
        receipt = replace(desk, old, units, terms)
        assert receipt.event("Closed").args["paid"] == paid
        assert receipt.event("Closed").args["refunded"] == 1_000 - paid
    desk.check_solvent()


def test_replace__of_a_lease__pays_the_seconds_agreed_beyond_the_horizon() -> None:
    desk, _ = open_solo(fee_provider=0)
    old = desk.lease(budget=50_000)  # 500 s
    desk.evm.warp(300)
    terms = desk.terms(mode=1, unit_price=100_000_000)
    with reverts("Escrow_UnitsOutOfRange", agreement=old, units=301, most=300):
        replace(desk, old, 301, terms)
    receipt = replace(desk, old, 290, terms)
    assert receipt.event("Closed").args["paid"] == 29_000
    assert desk.received(2) == 29_000
    other = desk.lease(budget=50_000)
    desk.evm.warp(9_000)  # it ended by its money after 500 s
    terms = desk.terms()
    with reverts("Escrow_UnitsOutOfRange", agreement=other, units=501, most=500):
        replace(desk, other, 501, terms)
    assert replace(desk, other, 500, terms).event("Closed").args["refunded"] == 0
    desk.check_solvent()


def test_replace__other_customer_or_funder__refused() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    old = desk.opened()
    for changes in ({"customer": 3, "funder": 3}, {"funder": 3}, {"customer": 3, "funder": 1}):
        terms = desk.terms(**changes)
        with reverts("Escrow_OtherParties", agreement=old):
            replace(desk, old, 0, terms)


def test_replace__frozen_or_held__refused() -> None:
    desk = open_desk(evm=Evm())
    for bit in (FROZEN, HELD):
        old = desk.opened()
        desk.set_bits(old, hot=bit)
        with reverts("Escrow_Held", agreement=old):
            replace(desk, old, 0, desk.terms())


def test_replace__twice__refused() -> None:
    desk = open_desk()
    old, terms = desk.opened(), desk.terms()
    signatures = signed(desk, old, 5, terms)
    replace(desk, old, 5, terms, signatures)
    with reverts("Escrow_NotOpen", agreement=old):
        replace(desk, old, 5, terms, signatures)
    # Its Terms are spent with it: nobody can open them besides.
    assert refusals(desk.open(terms)) == [(0, OpenRefusal.NONCE_SPENT)]


Forge = Callable[[Desk, int, Terms], tuple[bytes, ...]]
_FORGED: list[tuple[str, Forge, Account]] = [
    ("customer", lambda desk, old, t: signed(desk, old, 5, t, customer=MALLORY, comes=RITA), ANN),
    ("no customer", lambda desk, old, t: signed(desk, old, 5, t, customer=None, comes=RITA), ANN),
    ("leaves", lambda desk, old, t: signed(desk, old, 5, t, leaves=RITA, comes=RITA), OTTO),
    ("leaves not", lambda desk, old, t: signed(desk, old, 5, t, leaves=None, comes=RITA), OTTO),
    ("comes", lambda desk, old, t: signed(desk, old, 5, t, comes=OTTO), RITA),
    ("comes not", lambda desk, old, t: signed(desk, old, 5, t), RITA),
    ("other units", lambda desk, old, t: signed(desk, old, 6, t, comes=RITA), ANN),
    ("other old", lambda desk, old, t: signed(desk, old + 1, 5, t, comes=RITA), ANN),
    ("other terms", lambda desk, old, t: signed(desk, old, 5, t._replace(payee=3), comes=RITA), ANN),
    ("other chain", lambda desk, old, t: signed(desk, old, 5, t, comes=RITA, chain_id=1), ANN),
    ("other contract", lambda desk, old, t: signed(desk, old, 5, t, comes=RITA, escrow=desk.ledger), ANN),
    ("over the terms", lambda desk, old, t: (*desk.signed(t, ANN, OTTO), NOBODY, NOBODY), ANN),
    (
        "malleable",
        lambda desk, old, t: tuple(map(high_s, signed(desk, old, 5, t, funder=SAM, comes=RITA))),
        ANN,
    ),
]


@pytest.mark.parametrize(("forge", "missed"), [row[1:] for row in _FORGED], ids=[row[0] for row in _FORGED])
def test_replace__one_signature_wrong__refused(forge: Forge, missed: Account) -> None:
    desk = open_desk()
    comes = second_provider(desk)
    old = desk.opened()
    terms = desk.terms(operator=comes)
    with reverts("Escrow_BadSignature", agreement=old, signer=missed.address):
        replace(desk, old, 5, terms, forge(desk, old, terms))
    replace(desk, old, 5, terms, signed(desk, old, 5, terms, comes=RITA))


def test_replace__the_caller__counts_as_its_own_signature() -> None:
    desk = open_desk()
    for sender, missing in ((ANN, "customer"), (OTTO, "leaves")):
        old, terms = desk.opened(), desk.terms()
        replace(desk, old, 5, terms, signed(desk, old, 5, terms, **{missing: None}), sender=sender)


def test_replace__sponsored__needs_the_funder_and_restores_its_allowance() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 1_000, bytes(32), sender=SAM)
    old = desk.opened(funder=3, budget=1_000)
    terms = desk.terms(funder=3, budget=500)
    with reverts("Escrow_BadSignature", agreement=old, signer=SAM.address):
        replace(desk, old, 300, terms)
    replace(desk, old, 300, terms, signed(desk, old, 300, terms, funder=SAM))
    # 1 000 drawn, 700 came back, 500 drawn again.
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (200, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 300 - 500, 500)
    desk.check_solvent()


def test_replace__sponsored_under_a_policy_that_waives_it__needs_no_funder() -> None:
    desk = open_desk(funderWaived=True)
    desk.escrow.transact("allow", 3, 1, 1, 1_000, bytes(32), sender=SAM)
    old = desk.opened(funder=3, budget=1_000)
    terms = desk.terms(funder=3, budget=500)
    replace(desk, old, 300, terms)
    # Not even so can a replacement spend more than was allowed.
    old = desk.known[-1]
    terms = desk.terms(funder=3, budget=701)
    with reverts("Escrow_ReplacementRefused", refusal=OpenRefusal.NOT_ENOUGH_ALLOWANCE):
        replace(desk, old, 0, terms)


def test_replace__while_openings_are_paused__goes_on() -> None:
    """It is an exit of the old agreement."""
    desk = open_desk()
    old = desk.opened()
    desk.escrow.transact("pauseOpening", 3_600, sender=desk.system.admin)
    assert replace(desk, old, 0, desk.terms()).result


def test_replace__staking_that_refuses_the_release__still_replaces() -> None:
    desk, staking = open_solo()
    old = desk.opened()
    staking.transact("setConduct", 1, "0x" + "00" * 20, b"", sender=MALLORY)
    receipt = replace(desk, old, 0, desk.terms())
    assert receipt.event("PledgeStuck").args == {"agreement": old}
    assert receipt.event("Closed").args["refunded"] == 1_000_000


def test_replace__never_calls_the_currency() -> None:
    desk = open_desk()
    old = desk.opened()
    money, admin = desk.system.currency, desk.system.admin
    money.transact("setPaused", True, sender=admin)
    receipt = replace(desk, old, 50, desk.terms())
    assert {log.address for log in receipt.logs} == {desk.escrow.address}
