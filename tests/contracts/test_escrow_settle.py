"""Settling figures: what moves, to whom, with which fee, and why something does not move; then the fees themselves."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tallystick.protocol.enums import SkipReason
from tests.support.escrow import (
    ANN,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SIGNER,
    Desk,
    open_desk,
    open_solo,
    skips,
)
from tests.support.evm import Receipt, reverts
from tests.support.system import DOLLAR

TOP56 = 2**56 - 1
TOP80 = 2**80 - 1


def settle(
    desk: Desk, rows: Sequence[tuple[int, int]], *, policy: int = 1, mask: int = 0, cap: int = 2**64 - 1
) -> Receipt:
    """Settles rows as the ledger would; the Escrow itself does not ask for an order."""
    return desk.settle_directly(rows, policy=policy, mask=mask, cap=cap)


def paid(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["paid"])


def only_skip(receipt: Receipt, agreement: int, units: int, reason: SkipReason) -> bool:
    """Whether this is all that happened."""
    return receipt.result == 0 and skips(receipt) == [(agreement, units, reason)] and len(receipt.logs) == 1


# Who


def test_settle__by_anybody_but_the_ledger__refused() -> None:
    desk = open_desk()
    agreement = desk.opened()
    for caller in (ANN, OTTO, PAULA, RITA, SIGNER, MALLORY, desk.system.admin):
        with reverts("Escrow_NotLedger", caller=caller.address):
            desk.settle_directly([(agreement, 5)], sender=caller)
    assert paid(desk, agreement) == 0


# How much


@pytest.mark.parametrize(
    ("price", "units", "gross"),
    [
        (1_000_000, 1, 1),
        (1, 1_000_000, 1),
        (1, 1_999_999, 1),
        (333_333, 10, 3),  # 3.33333
        (999_999, 1_000_000, 999_999),
        (1_500_000, 3, 4),  # 4.5 in the payer's favour
        (1_000_000, 10_000_000, 10_000_000),
        (TOP56, 1, 72_057_594_037),  # 72 057 594 037.927935
    ],
)
def test_settle__gross__is_the_floor_of_units_times_price(price: int, units: int, gross: int) -> None:
    desk, _ = open_solo(fee_provider=0)
    agreement = desk.opened(unit_price=price, budget=90_000 * DOLLAR)
    receipt = settle(desk, [(agreement, units)])
    assert receipt.result == gross == paid(desk, agreement) == desk.received(2)
    assert receipt.event("Settled").args == {"agreement": agreement, "paid": gross}
    assert len(receipt.logs) == 1
    assert desk.locked(1) == 90_000 * DOLLAR  # settling does not write the funder
    desk.check_solvent()


@pytest.mark.parametrize(("price", "units"), [(1, 999_999), (1_000_000, 0), (999_999, 1)])
def test_settle__less_than_one_micro__is_stale(price: int, units: int) -> None:
    desk, _ = open_solo()
    agreement = desk.opened(unit_price=price)
    assert only_skip(settle(desk, [(agreement, units)]), agreement, units, SkipReason.STALE)


@pytest.mark.parametrize("units", [1_000_001, TOP80])
def test_settle__above_the_budget__is_capped_and_says_so(units: int) -> None:
    desk, _ = open_solo(fee_customer=100)
    agreement = desk.opened(budget=1_000_000)
    receipt = settle(desk, [(agreement, units)])
    assert receipt.result == 1_010_000
    assert skips(receipt) == [(agreement, units, SkipReason.CAPPED_AT_BUDGET)]
    assert paid(desk, agreement) == 1_000_000
    assert desk.escrow.call("earningsOf", 2) == (950_000, 0, 60_000)
    assert only_skip(settle(desk, [(agreement, units)]), agreement, units, SkipReason.STALE)
    desk.check_solvent()


def test_settle__largest_units_at_the_largest_price__overflows_nothing() -> None:
    desk, _ = open_solo()
    agreement = desk.opened(unit_price=TOP56, budget=7)
    assert settle(desk, [(agreement, TOP80)]).result == 7


def test_settle__both_fees__split_as_the_floors_say() -> None:
    """gross 1 999, provider 700 bps: 139.93, customer 333 bps: 66.5667."""
    desk, _ = open_solo(fee_provider=700, fee_customer=333)
    agreement = desk.opened()
    assert settle(desk, [(agreement, 1_999)]).result == 1_999 + 66
    assert desk.escrow.call("earningsOf", 2) == (1_999 - 139, 0, 139 + 66)
    assert desk.escrow.call("feeTotals") == (205, 0)
    desk.check_solvent()


@pytest.mark.parametrize("seed", range(4))
def test_settle__in_any_steps__comes_to_the_same_as_in_one(seed: int) -> None:
    """Figures are cumulative: rounding never adds up. The oracle knows only the last figure of each."""
    dice = random.Random(seed)
    provider = dice.randrange(2_001)
    customer = dice.randrange(2_001 - provider)
    desk, _ = open_solo(fee_provider=provider, fee_customer=customer)
    prices = [dice.randrange(1, 10**9) for _ in range(5)]
    agreements = [desk.opened(unit_price=price, payee=1 + i % 3) for i, price in enumerate(prices)]
    units = [0] * 5
    moved = 0
    for _ in range(30):
        i = dice.randrange(5)
        units[i] += dice.randrange(1, 200)
        moved += settle(desk, [(agreements[i], units[i])]).result
    gross = [min(units[i] * prices[i] // 10**6, 1_000_000) for i in range(5)]
    fees = [(g * provider // 10_000, g * customer // 10_000) for g in gross]
    assert [paid(desk, agreement) for agreement in agreements] == gross
    assert moved == sum(gross) + sum(fee for _, fee in fees)
    assert desk.escrow.call("feeTotals")[0] == sum(a + b for a, b in fees)
    for payee in (1, 2, 3):
        mine = [i for i in range(5) if 1 + i % 3 == payee]
        net, base = sum(gross[i] - fees[i][0] for i in mine), sum(sum(fees[i]) for i in mine)
        assert desk.escrow.call("earningsOf", payee) == (net, 0, base)
    desk.check_solvent()


def test_settle__payee_customer_and_operator_are_one__conserves_all_the_same() -> None:
    desk, _ = open_solo(fee_customer=100)
    agreement = desk.opened(payee=1)
    settle(desk, [(agreement, 10_000)])
    desk.escrow.transact("claim", 1, ANN.address, sender=ANN)
    assert desk.system.balance(ANN) == 9_500
    desk.escrow.transact("close", agreement, sender=OTTO)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert desk.free(1) == 100_000 * DOLLAR - 10_100
    desk.check_solvent()


# What does not move


def test_settle__stale__equal_lower_and_zero_move_nothing() -> None:
    desk, _ = open_solo()
    agreement = desk.opened()
    settle(desk, [(agreement, 500)])
    for units in (500, 499, 1, 0):
        assert only_skip(settle(desk, [(agreement, units)]), agreement, units, SkipReason.STALE)
    receipt = settle(desk, [(agreement, 600), (agreement, 600), (agreement, 550)])
    assert receipt.result == 100
    assert [reason for *_, reason in skips(receipt)] == [SkipReason.STALE] * 2


def test_settle__unknown__zero_next_and_right_sequence_with_another_hash() -> None:
    desk, _ = open_solo()
    agreement = desk.opened()
    for number in (0, 1, agreement ^ 1, agreement + (1 << 32), 2**64 - 1):
        assert only_skip(settle(desk, [(number, 9)]), number, 9, SkipReason.UNKNOWN_AGREEMENT)


def test_settle__of_another_policy__moves_nothing_whichever_is_which() -> None:
    desk, _ = open_solo()
    other = desk.system.add_policy(relayer=2)
    agreement, foreign = desk.opened(), desk.opened(policy=other)
    assert only_skip(settle(desk, [(foreign, 9)]), foreign, 9, SkipReason.OTHER_POLICY)
    assert only_skip(settle(desk, [(agreement, 9)], policy=other), agreement, 9, SkipReason.OTHER_POLICY)
    assert only_skip(settle(desk, [(agreement, 9)], policy=0), agreement, 9, SkipReason.OTHER_POLICY)
    assert settle(desk, [(foreign, 9)], policy=other).result == 9


def test_settle__after_the_end__pays_until_the_refund_and_nothing_after() -> None:
    desk, _ = open_solo()
    agreement = desk.opened()
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    assert settle(desk, [(agreement, 400)]).result == 400
    assert (
        desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args["refunded"] == 999_600
    )
    assert only_skip(settle(desk, [(agreement, 500)]), agreement, 500, SkipReason.CLOSED)
    desk.check_solvent()


def test_settle__frozen__moves_nothing_of_either_mode() -> None:
    """No function of this version sets this bit; the settlement respects it already."""
    desk, _ = open_solo(fresh=True)
    frozen, lease = desk.opened(), desk.opened(mode=1)
    desk.set_bits(frozen, hot=1 << 11)
    desk.set_bits(lease, hot=1 << 11)
    desk.evm.warp(100)
    assert only_skip(settle(desk, [(frozen, 9)]), frozen, 9, SkipReason.FROZEN)
    assert only_skip(settle(desk, [(lease, 9)]), lease, 9, SkipReason.FROZEN)
    other = desk.system.add_policy(relayer=2)
    receipt = settle(desk, [(frozen, 9)], policy=other)
    assert only_skip(receipt, frozen, 9, SkipReason.OTHER_POLICY)
    assert desk.agreement(lease)["downtime"] == 0


@pytest.mark.parametrize("bit", [1 << 10, 1 << 2, 1 << 9, 1 << 1, 1])
def test_settle__other_marks__do_not_hinder_it(bit: int) -> None:
    """Sponsored, holds, stopped by the provider, pledge stuck."""
    desk, _ = open_solo(fresh=True)
    agreement = desk.opened()
    desk.set_bits(agreement, hot=bit)
    assert settle(desk, [(agreement, 9)]).result == 9
    assert desk.agreement(agreement)["paid"] == 9


@pytest.mark.parametrize("place", [0, 1, 100, 255])
def test_settle__void_bit__skips_that_figure_only(place: int) -> None:
    desk, _ = open_solo()
    agreements = desk.opened_many([desk.terms(budget=10) for _ in range(256)])
    receipt = settle(desk, [(agreement, 3) for agreement in agreements], mask=1 << place)
    assert receipt.result == 255 * 3
    assert skips(receipt) == [(agreements[place], 3, SkipReason.VOID)]
    assert [paid(desk, agreement) for agreement in agreements] == [3] * place + [0] + [3] * (255 - place)
    assert desk.received(2) == 255 * 3  # a fee of floor(0.15) each


def test_settle__every_bit_void__moves_nothing() -> None:
    desk, _ = open_solo()
    agreements = [desk.opened(), desk.opened()]
    receipt = settle(desk, [(agreement, 3) for agreement in agreements], mask=2**256 - 1)
    assert receipt.result == 0
    assert len(receipt.events("FigureSkipped")) == len(receipt.logs) == 2


def test_settle__cap__counts_gross_and_customer_fee_and_lets_smaller_ones_by() -> None:
    desk, _ = open_solo(fee_customer=1_000)
    a, b, c, d = (desk.opened() for _ in range(4))
    rows = [(a, 100), (b, 101), (c, 90), (d, 1)]  # 110, 111, 99, 1
    receipt = settle(desk, rows, cap=210)
    assert receipt.result == 110 + 99 + 1
    assert skips(receipt) == [(b, 101, SkipReason.ABOVE_DECLARED_VALUE)]
    assert [paid(desk, agreement) for agreement in (a, b, c, d)] == [100, 0, 90, 1]
    assert only_skip(settle(desk, [(b, 101)], cap=110), b, 101, SkipReason.ABOVE_DECLARED_VALUE)
    assert settle(desk, [(b, 101)], cap=111).result == 111
    assert only_skip(settle(desk, [(b, 102)], cap=0), b, 102, SkipReason.ABOVE_DECLARED_VALUE)
    assert desk.escrow.call("feeTotals")[0] == (10 + 10 + 9) + (5 + 5 + 4)
    desk.check_solvent()


def test_settle__a_capped_figure_above_the_value__says_the_value() -> None:
    desk, _ = open_solo()
    agreement = desk.opened(budget=100)
    receipt = settle(desk, [(agreement, 101)], cap=99)
    assert only_skip(receipt, agreement, 101, SkipReason.ABOVE_DECLARED_VALUE)


def test_settle__nothing__does_nothing() -> None:
    desk, _ = open_solo()
    receipt = settle(desk, [])
    assert (receipt.result, receipt.logs) == (0, ())


def test_settle__bad_ones_among_good_ones__hold_up_nobody() -> None:
    desk, _ = open_solo()
    good = [desk.opened(), desk.opened()]
    foreign = desk.opened(policy=desk.system.add_policy(relayer=2))
    receipt = settle(desk, [(77, 1), (good[0], 10), (foreign, 10), (good[1], 20), (good[0], 5)])
    assert receipt.result == 30
    assert [reason for *_, reason in skips(receipt)] == [
        SkipReason.UNKNOWN_AGREEMENT,
        SkipReason.OTHER_POLICY,
        SkipReason.STALE,
    ]


def test_settle__never_calls_the_currency() -> None:
    """Invariant 4: the only logs are the Escrow's, with the currency paused and every party blacklisted."""
    desk, _ = open_solo()
    agreement = desk.opened()
    money, admin = desk.system.currency, desk.system.admin
    for who in (ANN, PAULA, OTTO, desk.escrow):
        money.transact("blacklist", who.address, True, sender=admin)
    money.transact("setPaused", True, sender=admin)
    receipt = settle(desk, [(agreement, 20)])
    assert receipt.result == 20
    assert {log.address for log in receipt.logs} == {desk.escrow.address}


# Fees


def test_set_fees__bounds_and_roles() -> None:
    desk = open_desk()
    admin = desk.system.admin
    for caller in (MALLORY, ANN, OTTO):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            desk.escrow.transact("setFees", 0, 0, sender=caller)
    for provider, customer in ((2_001, 0), (0, 2_001), (1_001, 1_000), (65_535, 65_535)):
        with reverts("Escrow_FeesTooHigh", total=provider + customer):
            desk.escrow.transact("setFees", provider, customer, sender=admin)
    assert desk.escrow.call("fees") == (500, 0)
    for provider, customer in ((2_000, 0), (0, 2_000), (1_000, 1_000), (0, 0)):
        receipt = desk.escrow.transact("setFees", provider, customer, sender=admin)
        assert receipt.event("FeesSet").args == {"provider": provider, "customer": customer}
        assert desk.escrow.call("fees") == (provider, customer)


def test_set_fees__role_given_to_another__that_one_may_and_touches_no_running_agreement() -> None:
    desk = open_desk()
    authority, admin = desk.system.authority, desk.system.admin
    selector = desk.escrow.encode("setFees", 0, 0)[:4]
    authority.transact("setTargetFunctionRole", desk.escrow.address, [selector], 7, sender=admin)
    authority.transact("grantRole", 7, RITA.address, 0, sender=admin)
    agreement = desk.opened()
    desk.escrow.transact("setFees", 0, 2_000, sender=RITA)
    with reverts("AccessManagedUnauthorized", caller=admin.address):
        desk.escrow.transact("setFees", 0, 0, sender=admin)
    desk.pay([(agreement, 10_000)])
    assert desk.escrow.call("earningsOf", 2) == (9_500, 0, 500)


def test_collect_fees__anyone__once_to_the_splitter() -> None:
    desk = open_desk()
    agreement = desk.opened()
    assert desk.escrow.transact("collectFees", sender=MALLORY).result == 0
    desk.pay([(agreement, 10_019)])
    receipt = desk.escrow.transact("collectFees", sender=MALLORY)
    assert receipt.event("FeesCollected").args == {"amount": 500}
    assert desk.system.balance(desk.system.splitter) == receipt.result == 500
    assert desk.escrow.call("feeTotals") == (500, 500)
    again = desk.escrow.transact("collectFees", sender=MALLORY)
    assert (again.result, again.logs) == (0, ())
    desk.pay([(agreement, 10_020)])  # the 501st µ of fee
    assert desk.escrow.transact("collectFees", sender=MALLORY).result == 1
    assert desk.escrow.call("feeTotals") == (501, 501)
    desk.check_solvent()


def test_collect_fees__splitter_cannot_receive__nobody_else_notices() -> None:
    desk = open_desk()
    agreement = desk.opened()
    desk.pay([(agreement, 10_000)])
    desk.system.currency.transact("blacklist", desk.system.splitter.address, True, sender=desk.system.admin)
    with reverts("TestDollar_Blacklisted"):
        desk.escrow.transact("collectFees", sender=MALLORY)
    assert desk.escrow.call("feeTotals") == (500, 0)
    desk.pay([(agreement, 20_000)])
    assert desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA).result == 19_000
    desk.system.currency.transact("blacklist", desk.system.splitter.address, False, sender=desk.system.admin)
    assert desk.escrow.transact("collectFees", sender=MALLORY).result == 1_000
