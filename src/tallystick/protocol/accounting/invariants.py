"""PROTOCOL section 11 on the model, as equations; each raises InvariantBroken with the numbers.

They rebuild every figure from another part of the books than the one that keeps it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ..amounts import fee, locked_for
from ..constants import ACCUMULATOR_SCALE
from ..enums import Status
from ..errors import InvariantBroken

if TYPE_CHECKING:
    from ..model import Model


def _equal(name: str, left: int, right: int, what: str) -> None:
    if left != right:
        raise InvariantBroken(name, f"{what}: {left} != {right} (difference {left - right}).")


def _at_most(name: str, left: int, right: int, what: str) -> None:
    if left > right:
        raise InvariantBroken(name, f"{what}: {left} > {right}.")


def currency_is_conserved(model: Model) -> None:
    """All wallets and contracts together hold what was minted, and nobody holds less than zero."""
    name = "currency_is_conserved"
    for token in (model.currency, model.token):
        _equal(name, sum(token.balances.values()), token.supply, f"sum of {token.name} balances and supply")
        _at_most(name, 0, min(token.balances.values(), default=0), f"least {token.name} balance")


def escrow_holds_what_it_owes(model: Model) -> None:
    """11.1: currency = free + locked - (paid + customer fees of open) + unclaimed + uncollected fees."""
    escrow = model.escrow
    owed = sum(a.free + a.locked + a.received - a.claimed for a in escrow.accounts)
    running = [a for a in escrow.agreements.values() if a.status == Status.OPEN]
    settled = sum(a.paid + fee(a.paid, a.fee_customer) for a in running)
    owed += escrow.fees_accrued - escrow.fees_collected - settled
    held = model.currency.balance_of(escrow.address) - model.currency.unbooked.get(escrow.address, 0)
    _equal("escrow_holds_what_it_owes", held, owed, "Escrow's currency and what it owes")


def locked_is_what_open_agreements_locked(model: Model) -> None:
    """11.1: a funder's locked money is that of its open agreements; no balance is negative."""
    name = "locked_is_what_open_agreements_locked"
    locked: Counter[int] = Counter()
    for agreement in model.escrow.agreements.values():
        if agreement.status == Status.OPEN:
            locked[agreement.funder] += locked_for(agreement.budget, agreement.fee_customer)
    for number, account in enumerate(model.escrow.accounts, 1):
        _equal(name, account.locked, locked[number], f"locked of account {number}")
        _at_most(name, 0, account.free, f"free of account {number}")
        _at_most(name, account.claimed, account.received, f"claimed of account {number}")


def agreements_stay_in_their_budgets(model: Model) -> None:
    """11.2: paid <= budget, paid never falls; closed: paid + customer fee + refunded = locked in."""
    name = "agreements_stay_in_their_budgets"
    for number, agreement in model.escrow.agreements.items():
        _at_most(name, agreement.paid, agreement.budget, f"paid of {number}")
        _at_most(name, model.seen_paid.get(number, 0), agreement.paid, f"paid of {number} before")
        model.seen_paid[number] = agreement.paid
        if agreement.status == Status.CLOSED:
            out = agreement.paid + fee(agreement.paid, agreement.fee_customer) + agreement.refunded
            locked = locked_for(agreement.budget, agreement.fee_customer)
            _equal(name, out, locked, f"money out of and into {number}")


def gross_is_net_plus_fees(model: Model) -> None:
    """11.3: sums of the steps equal the floors of the cumulative figures, per agreement, payee and in all."""
    name = "gross_is_net_plus_fees"
    received: Counter[int] = Counter()
    reward_base: Counter[int] = Counter()
    for number, a in model.escrow.agreements.items():
        _equal(name, a.net_moved + a.fee_provider_moved, a.paid, f"net + provider fee of {number}")
        _equal(name, a.fee_provider_moved, fee(a.paid, a.fee_provider), f"provider fee of {number}")
        _equal(name, a.fee_customer_moved, fee(a.paid, a.fee_customer), f"customer fee of {number}")
        received[a.payee] += a.net_moved
        reward_base[a.payee] += a.fee_provider_moved + a.fee_customer_moved
    for number, account in enumerate(model.escrow.accounts, 1):
        _equal(name, account.received, received[number], f"received of account {number}")
        _equal(name, account.reward_base, reward_base[number], f"reward base of account {number}")
    _equal(name, model.escrow.fees_accrued, sum(reward_base.values()), "fees accrued")


def stake_is_the_sum_of_its_parts(model: Model) -> None:
    """11.5: free + pledged + reserved + thawing = stake, none negative; Staking holds it all."""
    name = "stake_is_the_sum_of_its_parts"
    staking = model.staking
    for number, o in enumerate(staking.operators, 1):
        _equal(name, o.stake, o.staked_in - o.taken_out, f"stake of operator {number}")
        _at_most(name, 0, min(o.free, o.pledged, o.reserved, o.thawing), f"least part of operator {number}")
    held = model.currency.balance_of(staking.address) - model.currency.unbooked.get(staking.address, 0)
    _equal(name, held, staking.total_stake() + staking.total_credits(), "Staking's currency and what it owes")


def pledges_stand_behind_open_agreements(model: Model) -> None:
    """11.5, 11.6: pledged = sum of ceil(budget x coverage) over open agreements and stuck releases."""
    pledged: Counter[int] = Counter()
    for agreement in model.escrow.agreements.values():
        if agreement.status == Status.OPEN or agreement.pledge_stuck:
            pledged[agreement.operator] += model.escrow.pledge_of(agreement)
    for number, operator in enumerate(model.staking.operators, 1):
        name = "pledges_stand_behind_open_agreements"
        _equal(name, operator.pledged, pledged[number], f"pledged of operator {number}")


def slashes_go_where_they_must(model: Model) -> None:
    """11.7 and B12: victim + challenger + insurance = slashed, the victim gets at most its loss."""
    name = "slashes_go_where_they_must"
    staking = model.staking
    for slash in staking.slashes:
        parts = slash.to_victim + slash.to_challenger + slash.to_insurance
        _equal(name, parts, slash.taken, f"parts of a slash of operator {slash.operator}")
        _at_most(name, slash.to_victim, slash.loss, f"victim's part of a slash of operator {slash.operator}")
    slashed = sum(slash.taken for slash in staking.slashes)
    _equal(
        name, staking.total_credits() + staking.credits_claimed, slashed, "credits, claimed ones, and slashed"
    )


def batches_move_what_they_declare(model: Model) -> None:
    """Section 5: moved <= value; in flight = declared by batches not retired; what moved is what is paid."""
    name = "batches_move_what_they_declare"
    flying: Counter[int] = Counter()
    for number, batch in model.ledger.batches.items():
        _at_most(name, batch.moved, batch.value, f"moved of batch {number}")
        flying[batch.relayer] += 0 if batch.retired else batch.value
    for operator in {*flying, *model.ledger.flying}:
        _equal(name, model.ledger.in_flight(operator), flying[operator], f"in flight of operator {operator}")
    paid = sum(a.paid + fee(a.paid, a.fee_customer) for a in model.escrow.agreements.values())
    moved = sum(batch.moved for batch in model.ledger.batches.values())
    _equal(name, moved + model.escrow.moved_outside, paid, "moved by batches or outside, and paid")
    _equal(name, sum(model.ledger.nonces.values()), len(model.ledger.batches), "nonces and batches")


def fees_are_split_whole(model: Model) -> None:
    """Section 9: dividends + insurance + treasury = credited; the splitter holds what is not yet pulled."""
    name = "fees_are_split_whole"
    books, pulled = model.fee_splitter.books, model.fee_splitter.pulled
    credited = books.dividends + books.insurance + books.treasury
    _equal(name, credited + sum(pulled.values()), books.credited, "credits and what was pulled")
    address = model.fee_splitter.address
    held = model.currency.balance_of(address) - model.currency.unbooked.get(address, 0)
    uncredited = model.escrow.fees_collected - books.credited
    _equal(name, held, credited + uncredited, "FeeSplitter's currency and what it owes")
    _equal(name, model.dividend_vault.received, pulled["dividends"], "dividends pulled and received")
    _equal(name, model.insurance_pool.fees_received, pulled["insurance"], "insurance pulled and received")
    pool = model.insurance_pool
    held = model.currency.balance_of(pool.address) - model.currency.unbooked.get(pool.address, 0)
    _equal(name, held, pool.fees_received + pool.slashes_received, "InsurancePool's currency and its books")


def dividends_lose_no_dust(model: Model) -> None:
    """B06, B10, B11: to 1e-36 µ, fees received = claimed + owed to stakers + remainder + still to stream."""
    name = "dividends_lose_no_dust"
    vault = model.dividend_vault
    stream = vault.stream_state
    owed = sum(staker.owed_at(stream.accumulator) for staker in vault.stakers.values())
    whole = (vault.claimed + stream.to_come()) * ACCUMULATOR_SCALE + owed + stream.remainder
    _equal(name, whole, vault.received * ACCUMULATOR_SCALE, "dividends in 1e-36 µ")
    held = model.currency.balance_of(vault.address) - model.currency.unbooked.get(vault.address, 0)
    _equal(name, held, vault.received - vault.claimed, "DividendVault's currency and what it owes")
    staked = sum(staker.staked for staker in vault.stakers.values())
    _equal(name, staked, vault.total_staked(), "stakes and their total")
    leaving = sum(staker.exiting for staker in vault.stakers.values())
    tally = model.token.balance_of(vault.address) - model.token.unbooked.get(vault.address, 0)
    _equal(name, tally, staked + leaving, "DividendVault's TALLY and what it owes")


ALL: Final = (
    currency_is_conserved,
    escrow_holds_what_it_owes,
    locked_is_what_open_agreements_locked,
    agreements_stay_in_their_budgets,
    gross_is_net_plus_fees,
    stake_is_the_sum_of_its_parts,
    pledges_stand_behind_open_agreements,
    slashes_go_where_they_must,
    batches_move_what_they_declare,
    fees_are_split_whole,
    dividends_lose_no_dust,
)
