"""Opening on the model: the order of refusals, what an opening locks, nonces, allowances."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, START, World

from tallystick.protocol.constants import MICRO, UINT128_MAX
from tallystick.protocol.eip712 import agreement_number
from tallystick.protocol.enums import OpenRefusal, VerificationKind
from tallystick.protocol.errors import EncodingError, Refused
from tallystick.protocol.model import Model, ModelParameters, Policy, SignedTerms

# Each fault, in the order in which the contract looks for them; each is independent of the others.
FAULTS: list[tuple[OpenRefusal, dict[str, int]]] = [
    (OpenRefusal.DEADLINE_PASSED, {"deadline": START - 1}),
    (OpenRefusal.PRICE_IS_ZERO, {"unit_price": 0}),
    (OpenRefusal.BUDGET_OUT_OF_RANGE, {"max_budget": 1}),
    (OpenRefusal.TIMES_OUT_OF_RANGE, {"expiry": START}),
    (OpenRefusal.POLICY_NOT_OPEN, {"policy": 77}),
    (OpenRefusal.FEE_ABOVE_MAXIMUM, {"max_fee_provider": 499}),
    (OpenRefusal.UNKNOWN_ACCOUNT, {"payee": 99}),
    (OpenRefusal.UNKNOWN_OPERATOR, {"operator": 99}),
    (OpenRefusal.NONCE_SPENT, {"customer_nonce": 0}),
]


def state_of(world: World) -> object:
    escrow = world.model.escrow
    return (
        [vars(account).copy() for account in escrow.accounts],
        escrow.sequence,
        set(escrow.nonces),
        {key: vars(value).copy() for key, value in escrow.allowances.items()},
        [vars(operator).copy() for operator in world.model.staking.operators],
    )


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[reason.name for reason, _ in FAULTS])
def test_open__a_fault_and_all_later_ones__the_first_is_named_and_nothing_changes(
    world: World, first: int
) -> None:
    world.model.escrow.cancel_nonces(0, 1, caller="customer")
    before = state_of(world)
    changes = {name: value for _, fault in FAULTS[first:] for name, value in fault.items()}
    opening = world.model.escrow.open(world.terms(**changes), False, False, now=START)
    assert opening == (0, FAULTS[first][0])
    assert state_of(world) == before


def test_open__signatures_and_money__in_the_order_of_the_enum(world: World) -> None:
    escrow = world.model.escrow
    poor = {"funder": world.sponsor, "budget": 20_000 * MICRO, "max_budget": 20_000 * MICRO}
    assert escrow.open(world.terms(**poor), False, False, now=START)[1] == OpenRefusal.BAD_CUSTOMER_SIGNATURE
    assert escrow.open(world.terms(**poor), True, False, now=START)[1] == OpenRefusal.BAD_OPERATOR_SIGNATURE
    assert escrow.open(world.terms(**poor), now=START)[1] == OpenRefusal.NOT_ENOUGH_FUNDS
    world.model.escrow.deposit(world.sponsor, 60_000 * MICRO, caller="sponsor")
    dear = {"funder": world.sponsor, "budget": 50_000 * MICRO, "max_budget": 50_000 * MICRO}
    assert escrow.open(world.terms(**dear), now=START)[1] == OpenRefusal.NOT_ENOUGH_ALLOWANCE
    escrow.allow(world.sponsor, world.customer, world.policy, 50_000 * MICRO, caller="sponsor")
    # The pledge would be 5 000, of 5 000 free, of which 1 000 stay.
    before = state_of(world)
    assert escrow.open(world.terms(**dear), now=START)[1] == OpenRefusal.NOT_ENOUGH_STAKE
    assert state_of(world) == before
    fitting = {"funder": world.sponsor, "budget": 40_000 * MICRO, "max_budget": 40_000 * MICRO}
    assert escrow.open(world.terms(**fitting), now=START)[1] == OpenRefusal.NONE


def test_open__caller__counts_as_its_own_signature(world: World) -> None:
    escrow = world.model.escrow
    assert escrow.open(world.terms(), False, True, caller="customer", now=START).refusal == OpenRefusal.NONE
    assert escrow.open(world.terms(), True, False, caller="provider", now=START).refusal == OpenRefusal.NONE
    refused = escrow.open(world.terms(), False, False, caller="customer", now=START).refusal
    assert refused == OpenRefusal.BAD_OPERATOR_SIGNATURE


@pytest.mark.parametrize(
    ("start", "expiry", "opens"),
    [
        (0, START + 1, True),
        (0, START, False),
        (0, START + 400 * DAY, True),
        (0, START + 400 * DAY + 1, False),
        (START + 400 * DAY, START + 800 * DAY, True),
        (START + 400 * DAY, START + 800 * DAY + 1, False),
        (START + 400 * DAY + 1, START + 400 * DAY + 2, False),
        (START + 10, START + 10, False),
    ],
)
def test_open__times_at_their_bounds__as_specified(
    world: World, start: int, expiry: int, opens: bool
) -> None:
    refusal = world.model.escrow.open(world.terms(start=start, expiry=expiry), now=START).refusal
    assert refusal == (OpenRefusal.NONE if opens else OpenRefusal.TIMES_OUT_OF_RANGE)


def test_open__deadline__its_last_second_counts(world: World) -> None:
    assert world.model.escrow.open(world.terms(deadline=START), now=START).refusal == OpenRefusal.NONE


def test_open__by_hand__locks_budget_and_customer_fee_pledges_and_numbers() -> None:
    world = World(Model(ModelParameters(fee_provider=300, fee_customer=200)))
    terms = world.terms(max_fee_customer=200, budget=1_000_000_049, max_budget=1_000_000_049)
    opening = world.model.escrow.open(terms, now=START)
    assert opening.agreement == agreement_number(1, terms.hash_struct())
    # floor(1 000 000 049 x 2 %) = 20 000 000
    assert world.model.escrow.balance_of(world.customer) == (10_000 * MICRO - 1_020_000_049, 1_020_000_049)
    assert world.model.staking.operators[0].pledged == 100_000_005  # ceil of 100 000 004.9
    assert world.model.escrow.nonce_spent("customer", terms.customer_nonce)
    assert world.model.escrow.nonce_spent("provider", terms.operator_nonce)
    world.model.check_invariants()


def test_open__same_offer_twice_in_one_call__opens_once(world: World) -> None:
    terms = world.terms()
    first, second = world.model.escrow.open_many([SignedTerms(terms), SignedTerms(terms)], now=START)
    assert first.refusal == OpenRefusal.NONE
    assert second == (0, OpenRefusal.NONCE_SPENT)
    assert world.model.escrow.agreement_count() == 1


def test_open__one_person_on_both_sides__needs_two_nonces(world: World) -> None:
    own = world.model.escrow.create_account("provider")
    world.model.escrow.deposit(own, 2_000 * MICRO, caller="provider")
    same = world.terms(customer=own, funder=own, customer_nonce=7, operator_nonce=7)
    assert world.model.escrow.open(same, now=START).refusal == OpenRefusal.NONCE_SPENT
    assert world.model.escrow.open(same._replace(operator_nonce=8), now=START).refusal == OpenRefusal.NONE


def test_open__retired_policy__refused(world: World) -> None:
    world.model.policy_book.retire(world.policy, caller="admin")
    assert world.model.escrow.open(world.terms(), now=START).refusal == OpenRefusal.POLICY_NOT_OPEN


def test_open__257_items_or_unknown_mode__whole_call_refused(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.model.escrow.open_many([SignedTerms(world.terms())] * 257, now=START)
    assert caught.value.code == "Escrow_TooManyItems"
    with pytest.raises(EncodingError):
        world.model.escrow.open(world.terms(mode=2), now=START)


def test_cancel_nonces__mask__spends_just_those_bits(world: World) -> None:
    world.model.escrow.cancel_nonces(2, 0b101, caller="customer")
    spent = [nonce for nonce in range(510, 520) if world.model.escrow.nonce_spent("customer", nonce)]
    assert spent == [512, 514]
    assert not world.model.escrow.nonce_spent("provider", 512)


def test_allowance__open_and_refund__drawn_down_and_restored(world: World) -> None:
    escrow = world.model.escrow
    pair = (world.sponsor, world.customer, world.policy)
    escrow.allow(*pair, 1_500 * MICRO, caller="sponsor")
    agreement = world.open(funder=world.sponsor)
    assert escrow.allowance_of(*pair) == (500 * MICRO, 0)
    assert world.settle((agreement, 1_000_000)).moved == 600_000
    world.now = escrow.refundable_at(agreement)
    assert escrow.refund(agreement, now=world.now) == 1_000 * MICRO - 600_000
    assert escrow.allowance_of(*pair) == (1_500 * MICRO - 600_000, 0)
    assert escrow.balance_of(world.sponsor) == (10_000 * MICRO - 600_000, 0)
    assert escrow.balance_of(world.customer) == (10_000 * MICRO, 0)


def test_allowance__revoked_after_the_opening__refund_does_not_restore_it(world: World) -> None:
    escrow = world.model.escrow
    pair = (world.sponsor, world.customer, world.policy)
    escrow.allow(*pair, 5_000 * MICRO, caller="sponsor")
    before = world.open(funder=world.sponsor)
    escrow.revoke(*pair, caller="sponsor")
    assert escrow.allowance_of(*pair) == (0, 1)
    escrow.allow(*pair, 2_000 * MICRO, caller="sponsor")
    after = world.open(funder=world.sponsor)
    world.now = escrow.refundable_at(after)
    escrow.refund(before, now=world.now)
    assert escrow.allowance_of(*pair) == (1_000 * MICRO, 1)
    escrow.refund(after, now=world.now)
    assert escrow.allowance_of(*pair) == (2_000 * MICRO, 1)


def test_allowance__near_its_maximum__refund_is_not_blocked(world: World) -> None:
    escrow = world.model.escrow
    pair = (world.sponsor, world.customer, world.policy)
    escrow.allow(*pair, UINT128_MAX, caller="sponsor")
    agreement = world.open(funder=world.sponsor)
    escrow.allow(*pair, UINT128_MAX, caller="sponsor")
    escrow.refund(agreement, now=escrow.refundable_at(agreement))
    assert escrow.allowance_of(*pair)[0] == UINT128_MAX


def test_open__coverage_of_zero__needs_an_active_provider_all_the_same(world: World) -> None:
    bare = world.model.policy_book.add(
        Policy(VerificationKind.NONE, 0, world.relayer, coverage_bps=0), caller="admin"
    )
    world.open(policy=bare)
    assert world.model.staking.operators[0].pledged == 0
    world.model.staking.unstake(world.operator, 4_000 * MICRO + 1, caller="provider", now=START)
    opening = world.model.escrow.open(world.terms(policy=bare), now=START)
    assert opening.refusal == OpenRefusal.NOT_ENOUGH_STAKE
