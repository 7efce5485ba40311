"""Opening agreements: what is locked, every refusal one by one, every bound, sponsors' allowances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import OpenRefusal
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA, SAM, Desk, open_desk, refusals
from tests.support.evm import reverts
from tests.support.system import DOLLAR, Role

REF = b"\x11" * 32
MONEY = 100_000 * DOLLAR  # what Ann and Sam have free, and Otto has staked
YEARISH = 400 * DAY
NONE = OpenRefusal.NONE
CREDENTIALS = (OpenRefusal.CUSTOMER_CREDENTIAL_MISSING, OpenRefusal.OPERATOR_CREDENTIAL_MISSING)

_FIELDS = (
    "uint32 customer,uint32 funder,uint32 operator,uint32 payee,uint8 mode,uint16 policy,uint16 maxFeeProvider,"
    "uint16 maxFeeCustomer,uint56 unitPrice,uint56 budget,uint56 maxBudget,uint32 start,uint32 expiry,"
    "bytes32 workHash,uint256 customerNonce,uint256 operatorNonce,uint40 deadline"
)
_TYPES = {"Terms": [{"type": kind, "name": name} for kind, name in map(str.split, _FIELDS.split(","))]}
_NAMES = [field["name"] for field in _TYPES["Terms"]]


def by_name(terms: Terms) -> dict[str, Any]:
    return dict(zip(_NAMES, terms, strict=True))


def set_fees(desk: Desk, provider: int, customer: int) -> None:
    desk.escrow.transact("setFees", provider, customer, sender=desk.system.admin)


def spent(desk: Desk, who: Any, nonce: int) -> bool:
    return bool(desk.escrow.call("nonceSpent", who.address, nonce))


# What an opening does


def test_open__one_offer__locks_pledges_records_and_tells() -> None:
    desk = open_desk()
    set_fees(desk, 500, 150)
    now = desk.now
    terms = desk.terms(budget=1_000_001, unit_price=7, max_budget=2_000_000, payee=3, start=now - 5)
    receipt = desk.open(terms)

    # The oracle of the hash is eth-account's.
    oracle = encode_typed_data(
        {
            "name": "Tallystick Escrow",
            "version": "1",
            "chainId": 31_337,
            "verifyingContract": desk.escrow.address,
        },
        _TYPES,
        by_name(terms),
    ).body
    assert desk.escrow.call("hashTerms", tuple(terms)) == oracle
    number = (1 << 32) | int.from_bytes(oracle[:4], "big")
    assert receipt.result == [number]
    assert receipt.event("Opened").args == {
        "agreement": number,
        "fees": (500 << 16) | 150,
        "start": now,
        "terms": by_name(terms),
    }
    assert desk.agreement(number) == {
        "paid": 0,
        "budget": 1_000_001,
        "unitPrice": 7,
        "payee": 3,
        "policy": 1,
        "feeProvider": 500,
        "feeCustomer": 150,
        "status": 1,
        "mode": 0,
        "frozen": False,
        "sponsored": False,
        "holds": 0,
        "pledgeStuck": False,
        "countersigned": False,
        "customer": 1,
        "funder": 1,
        "operator": 1,
        "start": now,
        "end": now + 100_000,
        "stopAt": 0,
        "downtime": 0,
        "notBefore": 0,
    }
    locked = 1_000_001 + 15_000  # floor(1 000 001 x 150 / 10 000) = floor(15 000.015)
    assert desk.escrow.call("balanceOf", 1) == (MONEY - locked, locked)
    assert desk.pledged() == 100_001  # ceil(100 000.1)
    assert spent(desk, ANN, terms.customer_nonce)
    assert spent(desk, OTTO, terms.operator_nonce)
    assert desk.system.balance(desk.escrow) == 2 * MONEY
    desk.check_solvent()


def test_open__the_largest_figures__fit_their_fields() -> None:
    top = 2**56 - 1
    desk = open_desk(money=top + top // 5, coverageBps=0)
    set_fees(desk, 0, 2_000)
    number = desk.opened(budget=top, max_budget=top, unit_price=top)
    record = desk.agreement(number)
    assert (record["budget"], record["unitPrice"], record["paid"]) == (top, top, 0)
    assert (record["payee"], record["policy"], record["feeProvider"], record["feeCustomer"]) == (
        2,
        1,
        0,
        2_000,
    )
    assert desk.escrow.call("balanceOf", 1) == (0, top + top // 5)
    desk.escrow.transact("close", number, sender=OTTO)
    desk.evm.warp_to(desk.escrow.call("refundableAt", number))
    desk.escrow.transact("refund", number, sender=MALLORY)
    assert desk.escrow.call("balanceOf", 1) == (top + top // 5, 0)


def test_open__many__numbers_in_sequence_each_with_its_own_hash() -> None:
    desk = open_desk()
    offers = [desk.terms(budget=10 + i) for i in range(256)]
    numbers = desk.opened_many(offers)
    assert [number >> 32 for number in numbers] == list(range(1, 257))
    assert [number % 2**32 for number in numbers] == [
        int.from_bytes(terms.hash_struct()[:4], "big") for terms in offers
    ]
    assert [desk.agreement(number)["budget"] for number in numbers] == [10 + i for i in range(256)]
    assert desk.locked(1) == sum(10 + i for i in range(256))
    assert desk.pledged() == sum(-(-(10 + i) // 10) for i in range(256))
    assert desk.escrow.call("agreementCount") == 256


def test_open__257_items_or_uneven_lists__refused_whole() -> None:
    desk = open_desk()
    with reverts("Escrow_TooManyItems", items=257):
        desk.open_with([(desk.terms(), (b"", b""))] * 257)
    pairs = [desk.signed(desk.terms())]
    for offers, signatures in (([], pairs), ([tuple(desk.terms())], []), ([tuple(desk.terms())] * 2, pairs)):
        with reverts("Escrow_LengthMismatch"):
            desk.escrow.transact("open", offers, signatures, sender=MALLORY)
    assert desk.escrow.transact("open", [], [], sender=MALLORY).result == []
    assert desk.escrow.call("agreementCount") == 0


def test_open__start_in_the_future__the_clock_starts_then() -> None:
    desk = open_desk()
    start = desk.now + 500
    assert desk.agreement(desk.opened(start=start))["start"] == start


def test_open__fees_change__what_runs_keeps_its_own() -> None:
    desk = open_desk()
    old = desk.opened()
    set_fees(desk, 1_000, 1_000)
    new = desk.opened()
    assert [desk.agreement(number)["feeProvider"] for number in (old, new)] == [500, 1_000]
    assert [desk.agreement(number)["feeCustomer"] for number in (old, new)] == [0, 1_000]
    desk.pay([(old, 100_000), (new, 100_000)])
    assert desk.escrow.call("earningsOf", 2) == (95_000 + 90_000, 0, 5_000 + 20_000)
    assert desk.escrow.call("feeTotals") == (25_000, 0)


# Refusals


Case = Callable[[Desk], tuple[Terms, tuple[bytes, bytes]]]


def _with(**changes: Any) -> Case:
    def build(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
        moved = {
            name: desk.now + value if name in ("deadline", "start", "expiry") else value
            for name, value in changes.items()
        }
        terms = desk.terms(**moved)
        return terms, desk.signed(terms)

    return build


def _retired(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
    policy = desk.system.add_policy(relayer=2)
    desk.system.policy_book.transact("retire", policy, sender=desk.system.admin)
    return _with(policy=policy)(desk)


def _customer_fee(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
    set_fees(desk, 500, 100)
    return _with(max_fee_customer=99)(desk)


def _cancelled(by: Any) -> Case:
    def build(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
        desk.escrow.transact("cancelNonces", 3, 1 << 7, sender=by)
        name = "customer_nonce" if by is ANN else "operator_nonce"
        return _with(**{name: 3 * 256 + 7})(desk)

    return build


def _signed_by(customer: Any, operator: Any) -> Case:
    def build(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
        terms = desk.terms()
        return terms, desk.signed(terms, customer, operator)

    return build


def _fee_beside_the_budget(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
    """All but one µ of budget and fee: 100 500 = 100 000 + 500."""
    set_fees(desk, 0, 50)
    desk.escrow.transact("withdraw", 1, MONEY - 100_499 - 1_000_000 - 5_000, ANN.address, sender=ANN)
    desk.opened()  # locks 1 005 000
    return _with(budget=100_000)(desk)


def _allowed(amount: int, funder: int = 3, customer: int = 1, policy: int = 1) -> Case:
    def build(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
        desk.system.add_policy(relayer=2)
        desk.escrow.transact("allow", funder, customer, policy, amount, REF, sender=SAM)
        return _with(funder=3, budget=1_000)(desk)

    return build


def _relayer_as_operator(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
    terms = desk.terms(operator=2)
    return terms, desk.signed(terms, operator=RITA)


def _stake_left(short: int) -> Case:
    """Otto's free stake is the minimum and what 10 % of 1 000 000 µ take, less `short`."""

    def build(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
        left = 1_000 * DOLLAR + 100_000 - short
        desk.system.staking.transact("unstake", 1, MONEY - left, sender=OTTO)
        return _with()(desk)

    return build


def _below_minimum(desk: Desk) -> tuple[Terms, tuple[bytes, bytes]]:
    """Not even a pledge of nothing is possible for a provider that thaws its minimum."""
    policy = desk.system.add_policy(relayer=2, coverageBps=0)
    desk.system.staking.transact("unstake", 1, MONEY - 1_000 * DOLLAR + 1, sender=OTTO)
    return _with(policy=policy)(desk)


_REFUSED: list[tuple[str, Case, OpenRefusal]] = [
    ("deadline a second ago", _with(deadline=-1), OpenRefusal.DEADLINE_PASSED),
    ("no price", _with(unit_price=0), OpenRefusal.PRICE_IS_ZERO),
    ("no budget", _with(budget=0), OpenRefusal.BUDGET_OUT_OF_RANGE),
    ("above its maximum", _with(budget=11, max_budget=10), OpenRefusal.BUDGET_OUT_OF_RANGE),
    ("ends at once", _with(expiry=0), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("ended long ago", _with(start=-20, expiry=-10), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("ends as it starts", _with(start=50, expiry=50), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("too long", _with(expiry=YEARISH + 1), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("too long from its start", _with(start=9, expiry=YEARISH + 10), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("too far away", _with(start=YEARISH + 1, expiry=YEARISH + 2), OpenRefusal.TIMES_OUT_OF_RANGE),
    ("policy 0", _with(policy=0), OpenRefusal.POLICY_NOT_OPEN),
    ("unknown policy", _with(policy=2), OpenRefusal.POLICY_NOT_OPEN),
    ("last policy number", _with(policy=65_535), OpenRefusal.POLICY_NOT_OPEN),
    ("retired policy", _retired, OpenRefusal.POLICY_NOT_OPEN),
    ("provider fee", _with(max_fee_provider=499), OpenRefusal.FEE_ABOVE_MAXIMUM),
    ("customer fee", _customer_fee, OpenRefusal.FEE_ABOVE_MAXIMUM),
    ("customer 0", _with(customer=0, funder=1), OpenRefusal.UNKNOWN_ACCOUNT),
    ("customer 4", _with(customer=4, funder=1), OpenRefusal.UNKNOWN_ACCOUNT),
    ("payee 0", _with(payee=0), OpenRefusal.UNKNOWN_ACCOUNT),
    ("last account number", _with(payee=2**32 - 1), OpenRefusal.UNKNOWN_ACCOUNT),
    ("funder 0", _with(funder=0), OpenRefusal.UNKNOWN_ACCOUNT),
    ("funder 4", _with(funder=4), OpenRefusal.UNKNOWN_ACCOUNT),
    ("operator 0", _with(operator=0), OpenRefusal.UNKNOWN_OPERATOR),
    ("operator 3", _with(operator=3), OpenRefusal.UNKNOWN_OPERATOR),
    ("customer cancelled", _cancelled(ANN), OpenRefusal.NONCE_SPENT),
    ("operator cancelled", _cancelled(OTTO), OpenRefusal.NONCE_SPENT),
    ("stranger as customer", _signed_by(MALLORY, OTTO), OpenRefusal.BAD_CUSTOMER_SIGNATURE),
    ("payee as customer", _signed_by(PAULA, OTTO), OpenRefusal.BAD_CUSTOMER_SIGNATURE),
    ("operator as customer", _signed_by(OTTO, OTTO), OpenRefusal.BAD_CUSTOMER_SIGNATURE),
    ("stranger as operator", _signed_by(ANN, MALLORY), OpenRefusal.BAD_OPERATOR_SIGNATURE),
    ("customer as operator", _signed_by(ANN, ANN), OpenRefusal.BAD_OPERATOR_SIGNATURE),
    ("other operator", _signed_by(ANN, RITA), OpenRefusal.BAD_OPERATOR_SIGNATURE),
    ("too dear by 1", _with(budget=MONEY + 1), OpenRefusal.NOT_ENOUGH_FUNDS),
    ("fee too dear by 1", _fee_beside_the_budget, OpenRefusal.NOT_ENOUGH_FUNDS),
    ("no allowance", _with(funder=3), OpenRefusal.NOT_ENOUGH_ALLOWANCE),
    ("allowance short by 1", _allowed(999), OpenRefusal.NOT_ENOUGH_ALLOWANCE),
    ("allowed to the payee", _allowed(1_000, customer=2), OpenRefusal.NOT_ENOUGH_ALLOWANCE),
    ("allowed elsewhere", _allowed(1_000, policy=2), OpenRefusal.NOT_ENOUGH_ALLOWANCE),
    ("no provider", _relayer_as_operator, OpenRefusal.NOT_ENOUGH_STAKE),
    ("stake short by 1", _stake_left(1), OpenRefusal.NOT_ENOUGH_STAKE),
    ("stake below the minimum", _below_minimum, OpenRefusal.NOT_ENOUGH_STAKE),
]


@pytest.mark.parametrize(("case", "reason"), [row[1:] for row in _REFUSED], ids=[row[0] for row in _REFUSED])
def test_open__a_bad_item__is_left_out_alone_and_changes_nothing(case: Case, reason: OpenRefusal) -> None:
    """The others of the call open as if it were not there: same numbers, balances, stakes, allowances."""
    desk = open_desk()
    bad, bad_signatures = case(desk)
    good = [
        desk.terms(budget=80, max_fee_provider=500, max_fee_customer=100, customer=3, payee=1) for _ in "ab"
    ]
    pairs = [desk.signed(terms, SAM) for terms in good]
    if reason is OpenRefusal.NOT_ENOUGH_STAKE:  # the others need a provider that has some
        other = desk.system.register(RITA, Role.PROVIDER, free=2_000 * DOLLAR)
        good = [terms._replace(operator=other) for terms in good]
        pairs = [desk.signed(terms, SAM, RITA) for terms in good]
    first, second = zip(good, pairs, strict=True)
    nonces = (
        (ANN, bad.customer_nonce, spent(desk, ANN, bad.customer_nonce)),
        (OTTO, bad.operator_nonce, spent(desk, OTTO, bad.operator_nonce)),
    )

    snapshot = desk.evm.snapshot()
    expected = desk.open_with([first, second])
    assert refusals(expected) == []
    picture = desk.picture()
    desk.evm.revert(snapshot)
    receipt = desk.open_with([first, (bad, bad_signatures), second])

    assert refusals(receipt) == [(1, reason)]
    assert receipt.event("OpenRefused").args["termsHash"] == bad.hash_struct()
    assert receipt.result == [expected.result[0], 0, expected.result[1]]
    assert len(receipt.events("Opened")) == 2
    assert desk.picture() == picture
    assert [spent(desk, who, nonce) for who, nonce, _ in nonces] == [was for _, _, was in nonces]


def test_open__everything_wrong__reasons_come_in_the_order_of_their_numbers() -> None:
    desk = open_desk()
    desk.escrow.transact("cancelNonces", 0, 1, sender=ANN)
    desk.escrow.transact("allow", 3, 1, 1, 2_000, REF, sender=SAM)
    desk.system.staking.transact("unstake", 1, MONEY - 1_000 * DOLLAR, sender=OTTO)  # nothing left to pledge
    now = desk.now
    terms = desk.terms(
        deadline=now - 1, mode=1, unit_price=0, budget=0, expiry=now, policy=9, max_fee_provider=0,
        payee=9, operator=9, customer_nonce=0, funder=3,
    )  # fmt: skip
    cures: list[tuple[OpenRefusal, dict[str, Any]]] = [
        (OpenRefusal.DEADLINE_PASSED, {"deadline": now}),
        (OpenRefusal.PRICE_IS_ZERO, {"unit_price": 1}),
        (OpenRefusal.BUDGET_OUT_OF_RANGE, {"budget": MONEY + 1}),
        (OpenRefusal.TIMES_OUT_OF_RANGE, {"expiry": now + 1}),
        (OpenRefusal.POLICY_NOT_OPEN, {"policy": 1}),
        (OpenRefusal.FEE_ABOVE_MAXIMUM, {"max_fee_provider": 500}),
        (OpenRefusal.UNKNOWN_ACCOUNT, {"payee": 2}),
        (OpenRefusal.UNKNOWN_OPERATOR, {"operator": 1}),
        (OpenRefusal.NONCE_SPENT, {"customer_nonce": 1}),
        (OpenRefusal.BAD_CUSTOMER_SIGNATURE, {"customer signs": ANN}),
        (OpenRefusal.BAD_OPERATOR_SIGNATURE, {"operator signs": OTTO}),
        (OpenRefusal.NOT_ENOUGH_FUNDS, {"budget": 2_001}),
        (OpenRefusal.NOT_ENOUGH_ALLOWANCE, {"budget": 2_000}),
        (OpenRefusal.NOT_ENOUGH_STAKE, {}),
    ]
    signers = {"customer signs": MALLORY, "operator signs": MALLORY}
    for reason, cure in cures:
        pair = desk.signed(terms, signers["customer signs"], signers["operator signs"])
        assert refusals(desk.open_with([(terms, pair)])) == [(0, reason)]
        signers |= {name: who for name, who in cure.items() if name in signers}
        terms = terms._replace(**{name: value for name, value in cure.items() if name not in signers})
    asked = [reason for reason in OpenRefusal if reason is not NONE and reason not in CREDENTIALS]
    assert [reason for reason, _ in cures] == asked
    desk.system.staking.transact("cancelThaw", 1, sender=OTTO)
    assert desk.open_with([(terms, desk.signed(terms))]).result[0] >> 32 == 1


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(_with(deadline=0), id="last second"),
        pytest.param(_with(budget=5, max_budget=5), id="budget at its maximum"),
        pytest.param(_with(expiry=1), id="one second"),
        pytest.param(_with(expiry=YEARISH), id="400 days"),
        pytest.param(_with(start=YEARISH, expiry=2 * YEARISH), id="starts in 400 days for 400 days"),
        pytest.param(_with(max_fee_provider=500, max_fee_customer=0), id="fees at their maximum"),
        pytest.param(_with(budget=MONEY), id="all that is free"),
        pytest.param(_allowed(1_000), id="all that is allowed"),
        pytest.param(_stake_left(0), id="all that can be pledged"),
        pytest.param(_with(customer=1, payee=1), id="payee is the customer"),
    ],
)
def test_open__at_the_bound__opens(case: Case) -> None:
    desk = open_desk()
    receipt = desk.open_with([case(desk)])
    assert refusals(receipt) == []
    assert receipt.result[0] >> 32 == 1


def test_open__items_of_one_call_share_money_allowance_and_stake() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 150, REF, sender=SAM)
    offers = [desk.terms(funder=3, budget=budget) for budget in (100, 51, 50)]
    assert refusals(desk.open(*offers)) == [(1, OpenRefusal.NOT_ENOUGH_ALLOWANCE)]
    half = MONEY // 2
    offers = [desk.terms(budget=budget) for budget in (half, half + 1, half)]
    assert refusals(desk.open(*offers)) == [(1, OpenRefusal.NOT_ENOUGH_FUNDS)]
    assert (desk.free(1), desk.locked(1), desk.locked(3)) == (0, MONEY, 150)


# Sponsors


def test_sponsor__opening_draws_down_refund_restores() -> None:
    desk = open_desk()
    set_fees(desk, 500, 100)
    desk.escrow.transact("allow", 3, 1, 1, 5_000, REF, sender=SAM)
    agreement = desk.opened(funder=3, budget=1_000)
    assert desk.agreement(agreement)["sponsored"]
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (5_000 - 1_010, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 1_010, 1_010)
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    desk.pay([(agreement, 333)])  # costs 333 and floor(3.33)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    assert desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args["refunded"] == 674
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (5_000 - 336, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 336, 0)
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    desk.check_solvent()


def test_sponsor__revoked__what_ran_then_restores_nothing_what_opens_later_does() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 1_000, REF, sender=SAM)
    old = desk.opened(funder=3, budget=1_000)
    desk.escrow.transact("revoke", 3, 1, 1, sender=SAM)
    assert refusals(desk.open(desk.terms(funder=3, budget=1))) == [(0, OpenRefusal.NOT_ENOUGH_ALLOWANCE)]
    desk.escrow.transact("allow", 3, 1, 1, 500, REF, sender=SAM)
    new = desk.opened(funder=3, budget=200)
    desk.evm.warp_to(desk.escrow.call("refundableAt", new))
    desk.escrow.transact("refund", old, sender=MALLORY)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (300, 1)
    assert desk.escrow.call("balanceOf", 3) == (MONEY - 200, 200)  # the money itself comes back all the same
    desk.escrow.transact("refund", new, sender=MALLORY)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (500, 1)
    assert desk.escrow.call("balanceOf", 3) == (MONEY, 0)


def test_sponsor__allowance_near_the_types_maximum__blocks_no_refund() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 1_000, REF, sender=SAM)
    agreement = desk.opened(funder=3, budget=1_000)
    desk.escrow.transact("allow", 3, 1, 1, 2**128 - 10, REF, sender=SAM)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (2**128 - 1, 0)
    assert desk.escrow.call("balanceOf", 3) == (MONEY, 0)
