"""Challenges and rulings on the model, by hand: 0.6 µ a unit, provider's fee 500 bps, a pledge of a tenth."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, World

from tallystick.protocol.constants import MICRO
from tallystick.protocol.enums import BondSource, CloseReason, LeafEnd, ReceiptFault, SkipReason
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import RulingOrder

COURT, CHALLENGES = "Court", "Challenges"
FIGURES = 11


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


def paid_agreement(world: World, units: int = 1_000 * MICRO, **terms: int) -> int:
    """1 000 000 000 units are 600 000 000 µ, countersigned."""
    agreement = world.open(**terms)
    world.now += 60
    world.model.ledger.collect([world.receipt(agreement, units)], now=world.now)
    return agreement


def released_leaf(world: World, units: int) -> tuple[int, int, list[tuple[int, int]]]:
    """A leaf that was released at once: agreement, batch and figures."""
    agreement = world.open()
    world.now += 60
    figures = [(agreement, units)]
    batch, _ = world.post(figures)
    world.model.ledger.release([world.request(batch, figures)], caller="provider", now=world.now)
    return agreement, batch, figures


# Rulings


def test_execute_ruling__closes_below_what_is_paid__recovers_slashes_refunds_and_charges(
    world: World,
) -> None:
    """Paid 600, 560 stand, pledge 100: 40 recovered, 50 slashed (10 to the challenger), fees 15, 5 of free stake."""
    m, e = world.model, world.model.escrow
    other = world.open()
    agreement = paid_agreement(world)
    e.freeze(agreement, caller=COURT)
    order = RulingOrder(
        agreement, 560 * MICRO, closes=True, slash=50 * MICRO, fee=15 * MICRO, fee_to="arbiter",
        challenger="challenger", reward_bps=2_000,
    )  # fmt: skip
    outcome = e.execute_ruling(order, caller=COURT)
    assert outcome == (
        0,
        40 * MICRO,
        400 * MICRO,
        (40 * MICRO, 50 * MICRO, 0, 10 * MICRO, 40 * MICRO, 15 * MICRO),
    )
    operator = m.staking.operators[0]
    assert (operator.free, operator.pledged) == (
        4_795 * MICRO,
        100 * MICRO,
    )  # the other's pledge is untouched
    assert m.staking.credits == {
        "customer": 40 * MICRO,
        "challenger": 10 * MICRO,
        "InsurancePool": 40 * MICRO,
        "arbiter": 15 * MICRO,
    }
    found = e.agreements[agreement]
    assert (found.close_reason, found.frozen, found.countersigned) == (CloseReason.RULED, False, True)
    assert e.overturned(world.payee) == 2 * MICRO  # 500 bps of 40
    assert not e.agreements[other].frozen
    m.check_invariants()


def test_execute_ruling__pledge_too_small__slash_makes_up_for_it_and_the_rest_is_due(world: World) -> None:
    """Paid 600, nothing stands, pledge 100: 100 recovered, 200 of the slash to the victim; 300 are left."""
    m, e = world.model, world.model.escrow
    agreement = paid_agreement(world)
    e.freeze(agreement, caller=COURT)
    order = RulingOrder(
        agreement, 0, closes=True, slash=200 * MICRO, challenger="challenger", reward_bps=3_000
    )
    outcome = e.execute_ruling(order, caller=COURT)
    assert outcome.slash == (100 * MICRO, 200 * MICRO, 200 * MICRO, 0, 0, 0)
    m.ledger.add_recovery(agreement, 300 * MICRO, caller=COURT)
    m.check_invariants()
    assert m.ledger.end_recovery(agreement, caller=COURT) == 300 * MICRO
    m.ledger.add_recovery(agreement, 300 * MICRO + 1, caller=COURT)
    with pytest.raises(Exception, match="victims_get_at_most_their_loss"):
        m.check_invariants()


def test_execute_ruling__runs_on__pays_and_stays_frozen_until_cleared(world: World) -> None:
    m, e = world.model, world.model.escrow
    agreement = paid_agreement(world, units=1_000_000)
    e.freeze(agreement, caller=COURT)
    m.check_invariants()
    assert e.execute_ruling(RulingOrder(agreement, 5 * MICRO), caller=COURT).paid == 4_400_000
    assert e.agreements[agreement].frozen
    _, (one,) = m.ledger.collect([world.receipt(agreement, 100 * MICRO)], now=world.now)
    assert one.fault == ReceiptFault.FROZEN
    m.check_invariants()
    e.clear(agreement, world.now + 9 * DAY, caller=COURT)
    assert m.ledger.collect([world.receipt(agreement, 100 * MICRO)], now=world.now)[0] == 55 * MICRO
    assert e.agreements[agreement].not_before == world.now + 9 * DAY
    m.check_invariants()


def test_execute_ruling__above_the_budget__capped(world: World) -> None:
    e = world.model.escrow
    agreement = world.open()
    e.freeze(agreement, caller=COURT)
    outcome = e.execute_ruling(RulingOrder(agreement, 5_000 * MICRO, closes=True), caller=COURT)
    assert (outcome.paid, outcome.overpaid, outcome.refunded) == (1_000 * MICRO, 0, 0)
    world.model.check_invariants()


def test_execute_ruling__lease_runs_on__downtime_goes_up_or_down(world: World) -> None:
    e = world.model.escrow
    agreement = world.open(mode=1, unit_price=100 * MICRO)  # 100 µ a second
    world.now += 10_000
    e.set_downtime(agreement, 4_000, caller="ReceiptLedger", now=world.now)
    world.model.check_invariants()
    e.freeze(agreement, caller=COURT)
    order = RulingOrder(agreement, 900_000, sets_downtime=True, downtime=1_000)
    assert e.execute_ruling(order, caller=COURT).paid == 900_000
    found = e.agreements[agreement]
    assert (found.downtime, found.forgiven) == (1_000, 3_000)
    world.model.check_invariants()
    # The next cumulative figure contains the seconds that were taken back, and they do not count again.
    e.clear(agreement, 0, caller=COURT)
    for units, reason, downtime in ((4_000, SkipReason.STALE, 1_000), (4_500, SkipReason.NONE, 1_500)):
        assert e.set_downtime(agreement, units, caller="ReceiptLedger", now=world.now) == reason
        assert found.downtime == downtime
    world.model.check_invariants()


def test_rulings__by_others_or_on_what_is_not_frozen__refused(world: World) -> None:
    e, ledger, agreement = world.model.escrow, world.model.ledger, world.open()
    for caller in ("admin", "customer", CHALLENGES, "ReceiptLedger"):
        with refused("Escrow_NotCourt"):
            e.freeze(agreement, caller=caller)
        with refused("ReceiptLedger_NotCourt"):
            ledger.add_recovery(agreement, 1, caller=caller)
    with refused("Escrow_NotFrozen"):
        e.execute_ruling(RulingOrder(agreement, 1, closes=True), caller=COURT)
    with refused("Escrow_NotFrozen"):
        e.clear(agreement, 0, caller=COURT)
    e.freeze(agreement, caller=COURT)
    with refused("Escrow_AlreadyFrozen"):
        e.freeze(agreement, caller=COURT)
    with refused("Staking_BadSlash"):
        e.execute_ruling(RulingOrder(agreement, 1, closes=True, fee=1), caller=COURT)
    assert e.agreements[agreement].paid == 0
    world.model.check_invariants()


# What is reserved


def test_finalise__frozen_then_ruled__waits_and_pays_the_victim_first(world: World) -> None:
    """600 released, nothing stands: pledge 100 and 500 of the reservation go to the victim, 100 are free again."""
    m, e = world.model, world.model.escrow
    agreement, batch, _ = released_leaf(world, 1_000 * MICRO)
    e.freeze(agreement, caller=COURT)
    world.now += 2 * DAY
    with refused("ReceiptLedger_NothingToFinalise"):
        m.ledger.finalise(batch, [0], now=world.now)
    m.check_invariants()
    outcome = e.execute_ruling(RulingOrder(agreement, 0, closes=True), caller=COURT)
    m.ledger.add_recovery(agreement, outcome.overpaid - outcome.slash.recovered, caller=COURT)
    m.ledger.finalise(batch, [0], now=world.now)
    assert m.ledger.recovery_of(agreement).done == 500 * MICRO
    assert m.staking.credits["customer"] == 600 * MICRO
    assert (m.staking.operators[0].free, m.staking.operators[0].reserved) == (4_400 * MICRO, 0)
    assert e.earnings_of(world.payee)[2] == e.overturned(world.payee) == 30 * MICRO  # earned, and ruled bad
    m.check_invariants()


def test_retire__bond_of_a_frozen_agreement__held_and_then_recovered_from(world: World) -> None:
    """600 paid, 550 stand: of 50 overpaid the pledge of 1 gives 1, the bond of 100 gives 49; 51 come back."""
    m, e = world.model, world.model.escrow
    policy = m.policy_book.add(m.policy_book.get(world.policy)._replace(coverage_bps=10), caller="admin")
    agreement = paid_agreement(world, policy=policy)
    ((batch, fault),) = m.ledger.self_post(
        [world.receipt(agreement, 1_100 * MICRO)], caller="provider", now=world.now
    )
    assert (fault, m.ledger.bonds[batch].source) == (ReceiptFault.NONE, BondSource.FREE)
    e.freeze(agreement, caller=COURT)
    world.now += 4 * DAY
    with refused("ReceiptLedger_BondHeld"):
        m.ledger.retire(batch, now=world.now)
    outcome = e.execute_ruling(RulingOrder(agreement, 550 * MICRO, closes=True), caller=COURT)
    m.ledger.add_recovery(agreement, outcome.overpaid - outcome.slash.recovered, caller=COURT)
    free = m.staking.operators[0].free
    m.ledger.retire(batch, now=world.now)
    assert m.staking.operators[0].free - free == 51 * MICRO
    assert m.staking.credits["customer"] == 50 * MICRO
    m.check_invariants()


# Leaves under challenge


def test_unhold__void_leaf_that_was_released__funder_gets_the_reservation_and_it_never_pays(
    world: World,
) -> None:
    m = world.model
    agreement, batch, figures = released_leaf(world, 1_000)
    leaf = world.leaf(batch, figures)
    assert m.ledger.hold(leaf, caller=CHALLENGES, now=world.now) == (
        agreement,
        1_000,
        world.policy,
        world.relayer,
    )
    assert m.escrow.agreements[agreement].holds == 2
    assert m.ledger.blocked_of(batch) == (1, 1, 0)
    assert not m.ledger.unhold(batch, 0, agreement, LeafEnd.VOID, caller=CHALLENGES, now=world.now)
    assert m.staking.credits["customer"] == 600
    assert (m.escrow.agreements[agreement].holds, m.ledger.blocked_of(batch)) == (0, (1, 0, 1))
    assert m.ledger.claim_of_leaf(leaf).fault == ReceiptFault.LEAF_VOID
    world.now += DAY
    steps = m.ledger.settle_one(batch, 0, leaf.figure, leaf.output, leaf.proof, now=world.now).steps
    assert [step.reason for step in steps] == [SkipReason.VOID]
    m.check_invariants()


def test_unhold__void_after_the_ruling__the_ruling_stands(world: World) -> None:
    """All of 600 was ruled good and the agreement closed: nobody is made good for it."""
    m, e = world.model, world.model.escrow
    agreement, batch, figures = released_leaf(world, 1_000)
    m.ledger.hold(world.leaf(batch, figures), caller=CHALLENGES, now=world.now)
    e.freeze(agreement, caller=COURT)
    e.execute_ruling(RulingOrder(agreement, 600, closes=True), caller=COURT)
    m.ledger.unhold(batch, 0, agreement, LeafEnd.VOID, caller=CHALLENGES, now=world.now)
    assert m.staking.credits.get("customer", 0) == 0
    assert (m.staking.operators[0].reserved, m.staking.operators[0].free) == (0, 5_000 * MICRO)
    m.check_invariants()


def test_unhold__answered__leaf_pays_and_no_refund_comes_first(world: World) -> None:
    m, agreement = world.model, world.open()
    batch, data = world.post([(agreement, 1_000)])
    m.ledger.hold(world.leaf(batch, [(agreement, 1_000)]), caller=CHALLENGES, now=world.now)
    world.now += DAY
    assert m.ledger.settle(batch, data, now=world.now).steps[0].reason == SkipReason.VOID
    m.ledger.unhold(batch, 0, agreement, LeafEnd.ANSWERED, caller=CHALLENGES, now=world.now)
    assert m.escrow.agreements[agreement].not_before == world.now + DAY
    assert m.ledger.settle(batch, data, now=world.now).moved == 600
    m.check_invariants()


def test_hold__ten_leaves__nothing_settles_and_the_tenth_void_cancels(world: World) -> None:
    m = world.model
    figures = sorted((world.open(budget=MICRO, max_budget=MICRO), 1_000) for _ in range(FIGURES))
    batch, data = world.post(figures)
    for leaf in range(10):
        m.ledger.hold(world.leaf(batch, figures, leaf), caller=CHALLENGES, now=world.now)
    world.now += DAY
    with refused("ReceiptLedger_UnderChallenge"):
        m.ledger.settle(batch, data, now=world.now)
    m.check_invariants()
    ended = [
        m.ledger.unhold(batch, leaf, figures[leaf][0], LeafEnd.VOID, caller=CHALLENGES, now=world.now)
        for leaf in range(10)
    ]
    assert ended == [False] * 9 + [True]
    assert m.escrow.refund_floor(world.policy) == world.now + 5 * DAY
    assert m.ledger.in_flight(world.relayer) == 0
    with refused("ReceiptLedger_Cancelled"):
        m.ledger.settle(batch, data, now=world.now)
    m.check_invariants()


def test_hold__what_cannot_be_challenged__refused(world: World) -> None:
    m, agreement = world.model, world.open()
    world.now += 60
    figures = [(agreement, 1_000)]
    batch, _ = world.post(figures)
    leaf = world.leaf(batch, figures)
    own = m.ledger.self_post([world.receipt(agreement, 1_000)], caller="provider", now=world.now)[0][0]
    for order, code in (
        (leaf._replace(leaf=1), "ReceiptLedger_BadProof"),
        (leaf._replace(batch=own), "ReceiptLedger_NotChallengeable"),
        (leaf._replace(batch=7), "ReceiptLedger_UnknownBatch"),
    ):
        with refused(code):
            m.ledger.hold(order, caller=CHALLENGES, now=world.now)
    with refused("ReceiptLedger_NotCourt"):
        m.ledger.hold(leaf, caller=COURT, now=world.now)
    m.ledger.hold(leaf, caller=CHALLENGES, now=world.now)
    with refused("ReceiptLedger_LeafBlocked"):
        m.ledger.hold(leaf, caller=CHALLENGES, now=world.now)
    m.ledger.unhold(batch, 0, agreement, LeafEnd.MOOT, caller=CHALLENGES, now=world.now)
    with refused("ReceiptLedger_LeafNotBlocked"):
        m.ledger.unhold(batch, 0, agreement, LeafEnd.MOOT, caller=CHALLENGES, now=world.now)
    with refused("ReceiptLedger_WindowOver"):
        m.ledger.hold(leaf, caller=CHALLENGES, now=world.now + DAY)
    m.check_invariants()
