"""Every invariant holds in a lively world, and breaks by name when a figure that it guards is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.protocol.world import DAY, World

from tallystick.protocol.accounting import invariants
from tallystick.protocol.accounting.batches import Recovery, Release
from tallystick.protocol.accounting.rewards import Supplier
from tallystick.protocol.accounting.sessions import Session
from tallystick.protocol.constants import MICRO, TALLY, WEEK
from tallystick.protocol.enums import CredentialKind, HardwareClass
from tallystick.protocol.errors import InvariantBroken
from tallystick.protocol.model import Agreement, Batch, RulingOrder, SignedCredential, SlashOrder


@pytest.fixture
def lively(world: World) -> World:
    """Some of everything has happened."""
    m, e = world.model, world.model.escrow
    m.token.drip("a", 7 * TALLY)
    m.dividend_vault.stake(7 * TALLY, caller="a", now=world.now)
    first, second = world.open(), world.open()
    world.settle((first, 1_000_003), (second, 77_777))
    m.dividend_vault.pull_fees(now=world.now)
    m.insurance_pool.pull_fees()
    e.claim(world.payee, "bank", caller="provider")
    assert m.rewards.checkpoint([world.payee], now=world.now) == (32_333, 323_330 * 10**12)
    m.staking.slash(
        SlashOrder(
            world.operator,
            amount=1_000,
            victim="victim",
            loss=300,
            challenger="challenger",
            reward_bps=2_000,
        ),
        caller="Court",
    )
    m.staking.unstake(world.operator, 5, caller="provider", now=world.now)
    m.dividend_vault.unstake(2 * TALLY, caller="a", now=world.now)
    m.currency.transfer("Escrow", 11, caller="customer")  # a gift that the Escrow never books
    world.now = e.refundable_at(first)
    e.refund(first, now=world.now)
    world.post([(second, 99_999)])
    m.dividend_vault.claim("bank", caller="a", now=world.now + WEEK)
    live_more(world)
    return world


def live_more(world: World) -> None:
    """Sponsors, splits, leases, signatures, releases, bonds, a replacement, a cancel and pauses."""
    m, e = world.model, world.model.escrow
    e.allow(world.sponsor, world.customer, world.policy, 4_000 * MICRO, caller="sponsor")
    split = e.create_split(("m", "n"), (700, 300))
    sponsored = world.open(funder=world.sponsor, payee=split, budget=1_000_000, max_budget=2_000_000)
    terms = world.terms(mode=1, unit_price=100 * MICRO, budget=500_000, max_budget=900_000)
    lease = e.open(terms, now=world.now).agreement
    e.top_up(lease, 800_000, terms, caller="customer", now=world.now)
    m.credentials.post(
        [SignedCredential("issuer", CredentialKind.AUDIT, "provider")], caller="a", now=world.now
    )
    m.session_keys.grant(
        world.customer, "key", world.now + DAY, 400_000, [], caller="customer", now=world.now
    )
    m.session_keys.revoke(world.customer, "key", caller="customer", now=world.now)
    m.staking.register_source("recipient", caller="network")
    m.staking.register(1, HardwareClass.ASIC, source=1, caller="miner")
    world.now += 1_000
    accepted = world.receipt(sponsored, 500_500, session_key="key", acceptance="key")
    assert m.ledger.collect([accepted], now=world.now)[0] == 300_300
    e.claim_share(split, 1, ("m", "n"), (700, 300), "n's bank", caller="n")
    assert m.ledger.self_post([world.receipt(sponsored, 600_000)], caller="provider", now=world.now)[0][0]
    released, other = world.open(), world.open()
    batch, _ = world.post([(released, 1_000)], value=2 * MICRO)
    m.ledger.release([world.request(batch, [(released, 1_000)])], caller="provider", now=world.now)
    moving = world.post([(other, 5)], value=3 * MICRO)[0]
    m.ledger.cancel(moving, caller="admin", now=world.now)
    e.replace(other, 2_000, world.terms(unit_price=700_000), caller="customer", now=world.now)
    judged = world.open()
    world.now += 1
    m.ledger.collect([world.receipt(judged, 1_000)], now=world.now)
    assert m.rewards.checkpoint([world.payee, split], now=world.now) == (
        15_105,
        151_050 * 10**12,
    )  # replaced: 60
    e.freeze(judged, caller="Court")
    e.execute_ruling(RulingOrder(judged, 300, closes=True, slash=7), caller="Court")  # 600 paid, 300 stand
    m.rewards.checkpoint([world.payee], now=world.now)
    assert m.rewards.forfeited == 150 * 10**12
    m.ledger.report_downtime([world.receipt(lease, 100)], now=world.now)
    world.now += 3 * DAY
    m.rewards.claim([world.payee], "bank", caller="provider", now=world.now)
    m.rewards.claim_share(split, 0, ("m", "n"), (700, 300), "m's bank", caller="m", now=world.now)
    m.rewards.lower_rate(9 * 10**12, caller="admin")
    e.poke([lease], now=world.now)
    assert e.agreements[lease].paid == 90_100  # 1 001 s less 100, at 100 µ/s
    for part in (e.pause_opening, m.ledger.pause_posting):
        part(DAY, caller="admin", now=world.now)


def test_check_invariants__lively_world__each_by_name(lively: World) -> None:
    result = lively.model.check_invariants()
    assert set(result) == {invariant.__name__ for invariant in invariants.ALL}
    assert all(result.values())
    assert len(result) >= 25


def first_agreement(world: World, **changes: int) -> None:
    agreement = next(iter(world.model.escrow.agreements.values()))
    for name, change in changes.items():
        setattr(agreement, name, getattr(agreement, name) + change)


def bump(holder: object, name: str, by: int = 1) -> None:
    setattr(holder, name, getattr(holder, name) + by)


def shift(holder: object, from_: str, to: str) -> None:
    bump(holder, from_, -1)
    bump(holder, to)


def put(holder: object, **values: object) -> None:
    for name, value in values.items():
        setattr(holder, name, value)


def the_relayer(world: World) -> object:
    return world.model.staking.operators[1]


def tell_slash(world: World, **order: object) -> None:
    slash = world.model.staking.slashes[0]
    world.model.staking.slashes[0] = slash._replace(order=slash.order._replace(**order))  # type: ignore[arg-type]


def the_ruled(world: World) -> Agreement:
    return next(a for a in world.model.escrow.agreements.values() if a.ruled)


def recover_too_much(world: World) -> None:
    world.model.ledger.recoveries[number_of(world, the_ruled(world))] = Recovery(due=1)


def lose_a_bond(world: World) -> None:
    """A bond of a frozen agreement that returns, with everything else told so."""
    ledger, staking = world.model.ledger, world.model.staking
    ((batch, bond),) = ledger.bonds.items()
    world.model.escrow.freeze(bond.agreement, caller="Court")
    world.model.check_invariants()
    del ledger.bonds[batch]
    ledger.batches[batch].retired = True
    staking.return_bond(bond.operator, bond.amount, bond.source, caller="ReceiptLedger")


def block(world: World, leaves: int) -> None:
    """Some leaves of a batch come under challenge that holds nobody."""
    batch = the_batch(world, value=10_000 * MICRO)
    batch.open = dict.fromkeys(range(50, 50 + leaves), number_of(world, the_lease(world)))
    the_lease(world).holds += leaves
    batch.challenged = True


def the_lease(world: World) -> Agreement:
    return next(a for a in world.model.escrow.agreements.values() if a.is_lease)


def the_batch(world: World, **wanted: object) -> Batch:
    """The first batch with these attributes."""
    batches = world.model.ledger.batches.values()
    return next(b for b in batches if all(getattr(b, name) == value for name, value in wanted.items()))


def the_release(world: World) -> Release:
    return next(iter(world.model.ledger.releases.values()))


def the_session(world: World) -> Session:
    return next(iter(world.model.session_keys.sessions.values()))


def freeze_and_move(world: World) -> None:
    the_lease(world).frozen = True
    world.model.check_invariants()
    world.model.escrow.agreements[number_of(world, the_lease(world))].budget += 1
    the_lease(world).locked_in += 1
    world.model.escrow.accounts[world.customer - 1].locked += 1
    world.model.escrow.accounts[world.customer - 1].free -= 1


def number_of(world: World, agreement: Agreement) -> int:
    return next(n for n, a in world.model.escrow.agreements.items() if a is agreement)


def lower_budget(world: World) -> None:
    """A budget that falls, with everything else told so."""
    world.model.check_invariants()
    lease, customer = the_lease(world), world.model.escrow.accounts[world.customer - 1]
    lease.budget, lease.locked_in = lease.budget - 1, lease.locked_in - 1
    customer.locked, customer.free = customer.locked - 1, customer.free + 1


def lower_floor(world: World) -> None:
    world.model.check_invariants()
    world.model.seen.floors[world.policy] += 1


def unretire(world: World) -> None:
    world.model.policy_book.retire(world.policy, caller="admin")
    world.model.check_invariants()
    world.model.policy_book.retired.clear()


def rewrite_policy(world: World) -> None:
    world.model.check_invariants()
    book = world.model.policy_book
    book.policies[0] = book.policies[0]._replace(notice=1)


def revive_session(world: World) -> None:
    world.model.check_invariants()
    the_session(world).revoked_at += 1


def change_nonce(world: World) -> None:
    ((_, nonces),) = world.model.credentials.accepted.items()
    nonces[:0] = [1]


def the_supplier(world: World) -> Supplier:
    return world.model.rewards.suppliers[world.payee]


def shift_day(world: World) -> None:
    """A grant told for a day on which less counted."""
    grants = the_supplier(world).grants
    grants[0] = replace(grants[0], day=grants[0].day + 1)


def claim_beyond_the_credit(world: World) -> None:
    """An account that was paid more than it was ever credited, with every sum told so."""
    more = the_supplier(world).credited
    bump(the_supplier(world), "claimed", more)
    bump(world.model.rewards, "minted", more)
    bump(world.model.token, "supply", more)
    world.model.token.balances["bank"] += more


def keep_some(world: World) -> None:
    """TALLY that the rewards were minted and keep, with the wallets told so."""
    world.model.token.balances["bank"] -= 1
    world.model.token.balances["SupplierRewards"] = 1


TAMPERING: list[tuple[str, Callable[[World], None]]] = [
    ("currency_is_conserved", lambda w: w.model.currency.balances.update(bank=0)),
    ("escrow_holds_what_it_owes", lambda w: bump(w.model.escrow.accounts[0], "free")),
    ("escrow_holds_what_it_owes", lambda w: bump(w.model.escrow, "fees_collected")),
    ("liabilities_equal_the_sum", lambda w: bump(w.model.escrow, "owed")),
    ("locked_is_what_open_agreements_locked", lambda w: shift(w.model.escrow.accounts[0], "free", "locked")),
    ("agreements_stay_in_their_budgets", lower_budget),
    ("closed_agreements_return_what_came_in", lambda w: first_agreement(w, refunded=1)),
    ("closed_agreements_return_what_came_in", lambda w: bump(the_lease(w), "locked_in")),
    ("gross_is_net_plus_fees", lambda w: first_agreement(w, net_moved=1)),
    ("gross_is_net_plus_fees", lambda w: first_agreement(w, fee_provider_moved=1, net_moved=-1)),
    ("reward_base_is_the_fees_of_final_work", lambda w: bump(w.model.escrow.accounts[2], "reward_base")),
    ("reward_base_is_the_fees_of_final_work", lambda w: bump(the_release(w), "fees")),
    ("splits_pay_by_weight", lambda w: w.model.escrow.shares_paid.update({(4, 0): 1})),
    ("splits_pay_by_weight", lambda w: put(w.model.escrow.accounts[3], owner="thief")),
    ("leases_never_pay_beyond_their_clock", lambda w: put(the_lease(w), paid_at=the_lease(w).start + 899)),
    ("leases_never_pay_beyond_their_clock", lambda w: bump(the_lease(w), "paid_at", 10**6)),
    ("downtime_stays_in_the_term", lambda w: bump(the_lease(w), "downtime", 10**5)),
    ("nothing_moves_while_frozen", freeze_and_move),
    ("allowances_do_not_leak", lambda w: bump(w.model.escrow.allowances[2, 1, 1], "amount")),
    ("replacements_keep_their_parties", lambda w: w.model.escrow.replaced.clear()),
    ("stake_is_the_sum_of_its_parts", lambda w: bump(w.model.staking.operators[0], "free")),
    ("stake_is_the_sum_of_its_parts", lambda w: w.model.staking.credits.update(victim=301)),
    ("pledges_stand_behind_open_agreements", lambda w: shift(the_relayer(w), "free", "pledged")),
    ("reservations_stand_behind_releases_and_bonds", lambda w: shift(the_relayer(w), "free", "reserved")),
    ("holds_count_releases_and_challenges", lambda w: bump(the_lease(w), "holds")),
    ("void_leaves_never_pay", lambda w: put(the_batch(w, value=10_000 * MICRO), void={0: 1})),
    ("ten_leaves_break_a_batch", lambda w: (block(w, 10), put(the_batch(w, challenged=True), settled_when_blocked=1))),
    ("ten_leaves_break_a_batch", lambda w: put(the_batch(w), void=dict.fromkeys(range(60, 70), 0))),
    ("reservations_stay_while_frozen", lose_a_bond),
    ("overturned_fees_were_earned", lambda w: bump(the_ruled(w), "fees_ruled")),
    ("overturned_fees_were_earned", lambda w: bump(w.model.escrow.accounts[2], "overturned")),
    ("victims_get_at_most_their_loss", lambda w: put(the_ruled(w), ruled=None)),
    ("victims_get_at_most_their_loss", recover_too_much),
    ("releases_were_paid", lambda w: put(the_batch(w, value=2 * MICRO), moved=0)),
    ("bonds_stand_behind_running_self_posts", lambda w: put(the_batch(w, self_post=True), relayer=9)),
    ("slashes_go_where_they_must", lambda w: tell_slash(w, loss=299)),
    ("slashes_go_where_they_must", lambda w: tell_slash(w, amount=999)),
    ("credits_are_what_left_stakes", lambda w: w.model.staking.slashes.append(w.model.staking.slashes[0])),
    ("credits_are_what_left_stakes", lambda w: bump(w.model.ledger, "recovered")),
    ("batches_move_what_they_declare", lambda w: bump(w.model.escrow, "moved_outside")),
    ("batches_move_what_they_declare", lambda w: bump(next(iter(w.model.ledger.batches.values())), "moved")),
    ("in_flight_is_what_runs", lambda w: w.model.ledger.flying.update({w.relayer: 0})),
    ("cancelled_batches_move_nothing_more", lambda w: put(the_batch(w, value=3 * MICRO), moved_at_cancel=1)),
    ("cancels_are_rationed", lambda w: w.model.escrow.refund_floors.update({w.policy: w.now + 99 * DAY})),
    ("refund_floors_only_rise", lower_floor),
    ("pauses_are_bounded", lambda w: w.model.ledger.pauses.append((w.now + 2 * DAY, w.now + 3 * DAY))),
    ("pauses_are_bounded", lambda w: bump(w.model.escrow, "paused_until")),
    ("nonces_are_spent_once", lambda w: w.model.escrow.nonces.update({("customer", 1): 2})),
    ("numbers_bind_their_terms", lambda w: put(the_lease(w), terms_hash=bytes(32))),
    ("sessions_stay_in_their_totals", lambda w: bump(the_session(w), "spent", 10**6)),
    ("credentials_only_move_forward", change_nonce),
    ("sources_are_known", lambda w: w.model.staking.sources.clear()),
    ("keys_stay_revoked", revive_session),
    ("policies_never_change", unretire),
    ("policies_never_change", rewrite_policy),
    ("fees_are_split_whole", lambda w: bump(w.model.fee_splitter.books, "insurance")),
    ("fees_are_split_whole", lambda w: bump(w.model.insurance_pool, "fees_received")),
    ("emission_is_the_schedule", lambda w: bump(w.model.rewards, "credited")),
    ("emission_is_the_schedule", lambda w: w.model.rewards.rates.append((47_438, 9 * 10**12))),
    ("emission_is_the_schedule", lambda w: bump(w.model.rewards, "rate")),
    ("emission_is_the_schedule", lambda w: put(w.model.rewards, halving=1)),
    ("emission_is_the_schedule", lambda w: bump(w.model.token, "cap", -1)),
    ("rewards_count_each_fee_once", lambda w: put(the_supplier(w), found=0)),
    ("rewards_count_each_fee_once", lambda w: bump(the_supplier(w), "found", 10**6)),
    ("rewards_count_each_fee_once", lambda w: the_supplier(w).grants.reverse()),
    ("rewards_count_each_fee_once", lambda w: put(w.model.rewards, daily_fees=32_332)),
    ("rewards_count_each_fee_once", lambda w: shift_day(w)),
    ("rewards_count_each_fee_once", lambda w: w.model.rewards.counted_on.update({1: 1})),
    ("rewards_are_credited_whole", lambda w: bump(the_supplier(w), "credited")),
    ("rewards_are_credited_whole", lambda w: bump(w.model.rewards, "forfeited")),
    ("tally_is_minted_for_claims_alone", lambda w: bump(w.model.token, "dripped")),
    ("tally_is_minted_for_claims_alone", lambda w: bump(the_supplier(w), "claimed")),
    ("tally_is_minted_for_claims_alone", lambda w: w.model.rewards.shares.update({(4, 1): 1})),
    ("tally_is_minted_for_claims_alone", claim_beyond_the_credit),
    ("tally_is_minted_for_claims_alone", keep_some),
    ("dividends_come_from_fees", lambda w: bump(w.model.dividend_vault, "claimed", 10**6)),
    ("dividends_come_from_fees", lambda w: bump(w.model.dividend_vault.stakers["a"], "claimed")),
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
    first = next(iter(lively.model.seen.figures))
    ruled, paid, *others = lively.model.seen.figures[first]
    lively.model.seen.figures[first] = (ruled, paid + 1, *others)
    with pytest.raises(InvariantBroken) as caught:
        lively.model.check_invariants()
    assert caught.value.invariant == "agreements_stay_in_their_budgets"


def test_tampering__list__covers_every_invariant() -> None:
    assert {name for name, _ in TAMPERING} == {invariant.__name__ for invariant in invariants.ALL}
