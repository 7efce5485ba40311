"""Leases on the model: the clock, its horizon, downtime, money that runs out, refunds that pay the clock."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, START, World

from tallystick.protocol.constants import MICRO, NOTICE
from tallystick.protocol.enums import CloseReason, SkipReason, Status
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import SettleOrder, SignedFigure

LAG = 3 * DAY
RATE = 100 * MICRO
"""100 µ a second."""


@pytest.fixture
def lease(world: World) -> int:
    """10 000 s of money; a provider fee of 2 000 basis points."""
    world.model.escrow.set_fees(2_000, 0, caller="admin")
    return world.open(mode=1, unit_price=RATE, budget=MICRO, max_budget=MICRO, max_fee_provider=2_000)


def test_poke__worked_lease__gross_fee_and_net_of_section_9(world: World, lease: int) -> None:
    """SPEC section 9: 1 000 s at 100 µ/s and 2 000 bps: gross 100 000, fee 20 000, net 80 000."""
    escrow = world.model.escrow
    assert escrow.poke([lease], now=START + LAG).steps[0].reason == SkipReason.STALE
    assert escrow.poke([lease], now=START + LAG + 1_000).moved == 100_000
    assert escrow.earnings_of(world.payee) == (80_000, 0, 20_000)
    assert escrow.fee_totals() == (20_000, 0)
    world.model.check_invariants()


def test_poke__bad_items__each_says_why_and_the_good_one_is_paid(world: World, lease: int) -> None:
    escrow = world.model.escrow
    metered, frozen, held, closed = (
        world.open(max_fee_provider=2_000),
        world.open(mode=1, max_fee_provider=2_000),
        world.open(mode=1, max_fee_provider=2_000),
        world.open(mode=1, max_fee_provider=2_000),
    )
    escrow.agreements[frozen].frozen = True
    escrow.agreements[held].holds = 1
    escrow.agreements[closed].status = Status.CLOSED
    steps = escrow.poke([7, closed, metered, frozen, held, lease], now=START + LAG + 10).steps
    assert [step.reason for step in steps] == [
        SkipReason.UNKNOWN_AGREEMENT,
        SkipReason.CLOSED,
        SkipReason.NOT_A_LEASE,
        SkipReason.FROZEN,
        SkipReason.HELD,
        SkipReason.NONE,
    ]
    assert steps[-1].gross == 1_000
    with pytest.raises(Refused, match="Escrow_TooManyItems"):
        escrow.poke([lease] * 257, now=START)


def test_refund__money_ran_out__pays_the_clock_whole_and_says_exhausted(world: World, lease: int) -> None:
    """1 µ of budget beyond 10 000 s stays: 1 000 000 µ are 10 000 s exactly, so nothing is refunded."""
    escrow = world.model.escrow
    assert escrow.paid_until(lease) == START + 10_000
    due = START + 10_000 + DAY + 3 * DAY + DAY
    assert escrow.refundable_at(lease) == due
    with pytest.raises(Refused, match="Escrow_NotRefundableYet"):
        escrow.refund(lease, now=due - 1)
    assert escrow.refund(lease, now=due) == 0
    assert escrow.agreements[lease].close_reason == CloseReason.EXHAUSTED
    assert escrow.agreements[lease].paid == MICRO
    world.model.check_invariants()


def test_refund__stopped_by_the_provider__served_seconds_are_paid_and_the_rest_returns(
    world: World, lease: int
) -> None:
    escrow = world.model.escrow
    assert escrow.close(lease, caller="provider", now=START + 2_500) == START + 2_500
    world.now = escrow.refundable_at(lease)
    assert escrow.refund(lease, now=world.now) == MICRO - 250_000
    assert escrow.agreements[lease].close_reason == CloseReason.CLOSED_BY_PROVIDER
    world.model.check_invariants()


def test_close__customer_of_a_lease__after_the_notice_but_not_beyond_its_money(
    world: World, lease: int
) -> None:
    escrow = world.model.escrow
    assert escrow.close(lease, caller="customer", now=START + 100) == START + 100 + NOTICE
    with pytest.raises(Refused, match="Escrow_AlreadyEnding"):
        escrow.close(world.open(mode=1, unit_price=RATE, budget=360_000, max_fee_provider=2_000),
                     caller="customer", now=START)  # fmt: skip


def test_downtime__posted_figure__lowers_the_bill_and_never_lengthens_the_lease(
    world: World, lease: int
) -> None:
    escrow = world.model.escrow
    world.now = START + 1_000
    batch, figures = world.post([(lease, 400)])
    world.now += DAY
    settlement = world.model.ledger.settle(batch, figures, now=world.now)
    assert (settlement.moved, escrow.agreements[lease].downtime) == (0, 400)
    assert escrow.paid_until(lease) == START + 10_000
    assert escrow.poke([lease], now=START + LAG + 1_000).moved == 60_000
    due = escrow.refundable_at(lease)
    assert escrow.refund(lease, now=due) == 40_000
    world.model.check_invariants()


@pytest.mark.parametrize(
    ("units", "reason"),
    [(50, SkipReason.STALE), (100, SkipReason.STALE), (1_001, SkipReason.DOWNTIME_ABOVE_ELAPSED),
     (1_000, SkipReason.NONE), (101, SkipReason.NONE)],
)  # fmt: skip
def test_downtime__figure_posted_at_1000_s_over_100_s_known__bounded_by_both(
    world: World, lease: int, units: int, reason: SkipReason
) -> None:
    escrow = world.model.escrow
    escrow.agreements[lease].downtime = 100
    order = SettleOrder(world.policy, START + 1_000, 10**9)
    assert escrow.settle(order, [(lease, units)], caller="ReceiptLedger").steps[0].reason == reason


def test_settle_signed__lease__pays_at_once_and_sets_the_downtime(world: World, lease: int) -> None:
    escrow = world.model.escrow
    cases = [
        (SignedFigure(lease, 0, START + 1_001, 10**9), SkipReason.AHEAD_OF_CLOCK, 0),
        (SignedFigure(lease, 1_001, START + 1_000, 10**9), SkipReason.DOWNTIME_ABOVE_ELAPSED, 0),
        (SignedFigure(lease, 200, START + 1_000, 79_999), SkipReason.ABOVE_DECLARED_VALUE, 0),
        (SignedFigure(lease, 200, START + 1_000, 80_000), SkipReason.NONE, 80_000),
        (
            SignedFigure(lease, 199, START + 1_000, 10**9),
            SkipReason.NONE,
            100,
        ),  # both say so: one second more
        (SignedFigure(lease, 0, START + 500, 10**9), SkipReason.STALE, 0),
    ]
    for figure, reason, gross in cases:
        (step,) = escrow.settle_signed([figure], caller="ReceiptLedger", now=START + 1_000)
        assert (step.reason, step.gross) == (reason, gross)
    assert escrow.agreements[lease].downtime == 200  # never fewer: figures may come in any order
    world.model.check_invariants()


def test_refund_early__provider_consents__clock_is_paid_to_the_horizon_only(world: World, lease: int) -> None:
    escrow = world.model.escrow
    now = START + 10_000 + LAG - 4_000
    with pytest.raises(Refused, match="Escrow_NotEnded"):
        escrow.refund_early(lease, caller="provider", now=START + 9_999)
    with pytest.raises(Refused, match="Escrow_DeadlinePassed"):
        escrow.refund_early(lease, now - 1, caller="customer", now=now)
    with pytest.raises(Refused, match="Escrow_BadSignature"):
        escrow.refund_early(lease, now, False, caller="customer", now=now)
    escrow.agreements[lease].not_before = now + 1
    with pytest.raises(Refused, match="Escrow_NotRefundableYet"):
        escrow.refund_early(lease, now, caller="customer", now=now)
    escrow.agreements[lease].not_before = now
    escrow.raise_refund_floor(world.policy, now + DAY, caller="ReceiptLedger")  # the operator waives that
    assert escrow.refund_early(lease, now, caller="customer", now=now) == 400_000
    world.model.check_invariants()
