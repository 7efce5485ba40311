"""Every invariant holds in a lively world, and breaks by name when a figure that it guards is changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.protocol.world import World

from tallystick.protocol.accounting import invariants
from tallystick.protocol.constants import TALLY, WEEK
from tallystick.protocol.errors import InvariantBroken
from tallystick.protocol.model import SlashOrder


@pytest.fixture
def lively(world: World) -> World:
    """Some of everything has happened."""
    m = world.model
    m.token.mint("a", 7 * TALLY, caller="minter")
    m.dividend_vault.stake(7 * TALLY, caller="a", now=world.now)
    first, second = world.open(), world.open()
    world.settle((first, 1_000_003), (second, 77_777))
    m.dividend_vault.pull_fees(now=world.now)
    m.insurance_pool.pull_fees()
    m.escrow.claim(world.payee, "bank", caller="provider")
    m.staking.slash(SlashOrder(world.operator, 1_000, "victim", 300, "challenger", 2_000), caller="admin")
    m.staking.unstake(world.operator, 5, caller="provider", now=world.now)
    m.dividend_vault.unstake(2 * TALLY, caller="a", now=world.now)
    m.currency.transfer("Escrow", 11, caller="customer")  # a gift that the Escrow never books
    world.now = m.escrow.refundable_at(first)
    m.escrow.refund(first, now=world.now)
    world.post([(second, 99_999)])
    m.dividend_vault.claim("bank", caller="a", now=world.now + WEEK)
    return world


def test_check_invariants__lively_world__each_by_name(lively: World) -> None:
    result = lively.model.check_invariants()
    assert set(result) == {invariant.__name__ for invariant in invariants.ALL}
    assert all(result.values())


def first_agreement(world: World, **changes: int) -> None:
    agreement = next(iter(world.model.escrow.agreements.values()))
    for name, change in changes.items():
        setattr(agreement, name, getattr(agreement, name) + change)


def bump(holder: object, name: str, by: int = 1) -> None:
    setattr(holder, name, getattr(holder, name) + by)


def shift(holder: object, from_: str, to: str) -> None:
    bump(holder, from_, -1)
    bump(holder, to)


def the_relayer(world: World) -> object:
    return world.model.staking.operators[1]


def lower_loss(world: World) -> None:
    world.model.staking.slashes[0] = world.model.staking.slashes[0]._replace(loss=299)


TAMPERING: list[tuple[str, Callable[[World], None]]] = [
    ("currency_is_conserved", lambda w: w.model.currency.balances.update(bank=0)),
    ("escrow_holds_what_it_owes", lambda w: bump(w.model.escrow.accounts[0], "free")),
    ("escrow_holds_what_it_owes", lambda w: bump(w.model.escrow, "fees_collected")),
    ("locked_is_what_open_agreements_locked", lambda w: shift(w.model.escrow.accounts[0], "free", "locked")),
    ("agreements_stay_in_their_budgets", lambda w: first_agreement(w, refunded=1)),
    ("gross_is_net_plus_fees", lambda w: first_agreement(w, net_moved=1)),
    ("gross_is_net_plus_fees", lambda w: first_agreement(w, fee_provider_moved=1, net_moved=-1)),
    ("gross_is_net_plus_fees", lambda w: bump(w.model.escrow.accounts[2], "reward_base")),
    ("stake_is_the_sum_of_its_parts", lambda w: bump(w.model.staking.operators[0], "free")),
    ("stake_is_the_sum_of_its_parts", lambda w: w.model.staking.credits.update(victim=301)),
    ("pledges_stand_behind_open_agreements", lambda w: shift(the_relayer(w), "free", "pledged")),
    ("slashes_go_where_they_must", lambda w: w.model.staking.slashes.append(w.model.staking.slashes[0])),
    ("slashes_go_where_they_must", lower_loss),
    ("batches_move_what_they_declare", lambda w: bump(next(iter(w.model.ledger.batches.values())), "moved")),
    ("batches_move_what_they_declare", lambda w: w.model.ledger.flying.update({w.relayer: 0})),
    ("fees_are_split_whole", lambda w: bump(w.model.fee_splitter.books, "insurance")),
    ("fees_are_split_whole", lambda w: bump(w.model.insurance_pool, "fees_received")),
    ("dividends_lose_no_dust", lambda w: bump(w.model.dividend_vault.stream_state, "remainder")),
    ("dividends_lose_no_dust", lambda w: bump(w.model.dividend_vault.stakers["a"], "staked")),
    ("dividends_lose_no_dust", lambda w: bump(w.model.dividend_vault.stakers["a"], "exiting")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tamper"), TAMPERING)
def test_check_invariants__tampered_figure__broken_by_name(
    lively: World, name: str, tamper: Callable[[World], None]
) -> None:
    tamper(lively)
    with pytest.raises(InvariantBroken) as caught:
        lively.model.check_invariants()
    assert caught.value.invariant == name
    assert caught.value.code == "invariant_broken"


def test_check_invariants__paid_falls__broken(lively: World) -> None:
    lively.model.check_invariants()
    lively.model.seen_paid[next(iter(lively.model.seen_paid))] += 1
    with pytest.raises(InvariantBroken) as caught:
        lively.model.check_invariants()
    assert caught.value.invariant == "agreements_stay_in_their_budgets"


def test_tampering__list__covers_every_invariant() -> None:
    assert {name for name, _ in TAMPERING} == {invariant.__name__ for invariant in invariants.ALL}
