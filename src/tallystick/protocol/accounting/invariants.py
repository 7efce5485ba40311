"""PROTOCOL section 11 on the model's money, as equations; each raises InvariantBroken with the numbers.

They rebuild every figure from another part of the books than the one that keeps it. Those about stake, batches
and terms are in `invariants_work.py`, those about challenges and rulings in `invariants_justice.py`, those about the
token in `invariants_rewards.py`; `ALL` has all of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ..amounts import fee, lease_gross, locked_for, split_by_weights
from ..constants import ACCUMULATOR_SCALE, UINT128_MAX
from ..enums import CloseReason, Status
from . import invariants_justice, invariants_rewards, invariants_work
from .checks import at_most as _at_most
from .checks import equal as _equal
from .tokens import ZERO_ADDRESS

if TYPE_CHECKING:
    from ..model import Model


def currency_is_conserved(model: Model) -> None:
    """All wallets and contracts together hold what was minted, and nobody holds less than zero."""
    name = "currency_is_conserved"
    for token in (model.currency, model.token):
        _equal(name, sum(token.balances.values()), token.supply, f"sum of {token.name} balances and supply")
        _at_most(name, 0, min(token.balances.values(), default=0), f"least {token.name} balance")


def escrow_holds_what_it_owes(model: Model) -> None:
    """11.1: currency = free + locked - (paid + customer fees of open) + unclaimed + uncollected fees."""
    escrow = model.escrow
    held = model.currency.balance_of(escrow.address) - model.currency.unbooked.get(escrow.address, 0)
    _equal("escrow_holds_what_it_owes", held, _owed(model), "Escrow's currency and what it owes")


def liabilities_equal_the_sum(model: Model) -> None:
    """11.1: the counter of liabilities, which only deposits and exits change, says what all are owed together."""
    name = "liabilities_equal_the_sum"
    _equal(name, model.escrow.liabilities(), _owed(model), "the counter and the sum of all balances")


def _owed(model: Model) -> int:
    escrow = model.escrow
    owed = sum(a.free + a.locked + a.received - a.claimed for a in escrow.accounts)
    settled = sum(a.spent for a in escrow.agreements.values() if a.status == Status.OPEN)
    return owed + escrow.fees_accrued - escrow.fees_collected - settled


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
    """11.2: paid <= budget, and paid never falls; nor does a budget, nor a lease's downtime but by a ruling."""
    name = "agreements_stay_in_their_budgets"
    for number, agreement in model.escrow.agreements.items():
        _at_most(name, agreement.paid, agreement.budget, f"paid of {number}")
        figures = (agreement.rulings, agreement.paid, agreement.budget, agreement.downtime)
        before = model.seen.figures.get(number, (0, 0, 0, 0))
        ruled = before[0] < agreement.rulings
        for place, what in enumerate(("paid", "budget") if ruled else ("paid", "budget", "downtime"), 1):
            _at_most(name, before[place], figures[place], f"{what} of {number} before")
        model.seen.figures[number] = figures


def closed_agreements_return_what_came_in(model: Model) -> None:
    """11.2: paid + customer fee + refunded (carried by `replace` included) = locked in, top-ups included."""
    name = "closed_agreements_return_what_came_in"
    for number, agreement in model.escrow.agreements.items():
        _equal(name, agreement.locked, agreement.locked_in, f"budget and fee, and what {number} locked")
        if agreement.status == Status.CLOSED:
            out = agreement.spent + agreement.refunded
            _equal(name, out, agreement.locked_in, f"money out of and into {number}")


def gross_is_net_plus_fees(model: Model) -> None:
    """11.3: sums of the steps equal the floors of the cumulative figures, per agreement, payee and in all."""
    name = "gross_is_net_plus_fees"
    received: Counter[int] = Counter()
    fees = 0
    for number, a in model.escrow.agreements.items():
        _equal(name, a.net_moved + a.fee_provider_moved, a.paid, f"net + provider fee of {number}")
        _equal(name, a.fee_provider_moved, fee(a.paid, a.fee_provider), f"provider fee of {number}")
        _equal(name, a.fee_customer_moved, fee(a.paid, a.fee_customer), f"customer fee of {number}")
        received[a.payee] += a.net_moved
        fees += a.fee_provider_moved + a.fee_customer_moved
    for number, account in enumerate(model.escrow.accounts, 1):
        _equal(name, account.received, received[number], f"received of account {number}")
    _equal(name, model.escrow.fees_accrued, fees, "fees accrued")


def reward_base_is_the_fees_of_final_work(model: Model) -> None:
    """Section 5 and 9: fees of a release count when it is final; of one that was made good, never."""
    name = "reward_base_is_the_fees_of_final_work"
    base: Counter[int] = Counter()
    waiting: Counter[int] = Counter()
    for release in model.ledger.releases.values():
        waiting[release.agreement] += release.fees
    for number, a in model.escrow.agreements.items():
        _equal(name, a.fees_waiting, waiting[number], f"fees that wait for releases of {number}")
        moved = a.fee_provider_moved + a.fee_customer_moved
        base[a.payee] += moved - waiting[number] - a.fees_overturned
    for number, account in enumerate(model.escrow.accounts, 1):
        _equal(name, account.reward_base, base[number], f"reward base of account {number}")


def overturned_fees_were_earned(model: Model) -> None:
    """Section 9: what rulings took from a reward base is in it, or on its way there; B14."""
    name = "overturned_fees_were_earned"
    overturned: Counter[int] = Counter()
    for number, a in model.escrow.agreements.items():
        earned = a.fee_provider_moved + a.fee_customer_moved - a.fees_overturned
        _at_most(name, a.fees_ruled, earned, f"overturned fees of {number}, and those that count")
        _at_most(name, 0, a.fees_ruled, f"overturned fees of {number}")
        overturned[a.payee] += a.fees_ruled
    for number, account in enumerate(model.escrow.accounts, 1):
        _equal(name, account.overturned, overturned[number], f"overturned of account {number}")


def splits_pay_by_weight(model: Model) -> None:
    """11.3: parts + dust = total, the dust is less than a µ a member, and nobody got more than its part."""
    name = "splits_pay_by_weight"
    escrow = model.escrow
    for number, (members, weights) in escrow.splits.items():
        account = escrow.accounts[number - 1]
        parts = split_by_weights(account.received, weights)
        pulled = [escrow.share_paid(number, place) for place in range(len(members))]
        for place, (part, paid) in enumerate(zip(parts, pulled, strict=True)):
            _at_most(name, paid, part, f"pulled by member {place} of {number}")
        _at_most(name, account.received - sum(parts), len(members) - 1, f"dust of {number}")
        _equal(name, sum(pulled), account.claimed, f"pulled by members, and claimed of {number}")
        _equal(name, (account.owner, account.free), (ZERO_ADDRESS, 0), f"owner and free money of {number}")


def leases_never_pay_beyond_their_clock(model: Model) -> None:
    """Section 4: a lease pays for seconds between its start and its end, and the last of them is over."""
    name = "leases_never_pay_beyond_their_clock"
    for number, a in model.escrow.agreements.items():
        if not a.is_lease:
            continue
        _at_most(name, a.paid_at, a.ends_at if a.paid else 0, f"last second paid of {number}")
        served = max(0, a.paid_at - a.start)
        _at_most(name, a.paid, lease_gross(served, a.unit_price, a.budget), f"paid of {number}")


def downtime_stays_in_the_term(model: Model) -> None:
    """Section 4: seconds not served are at most the seconds elapsed; a metered agreement has none."""
    name = "downtime_stays_in_the_term"
    for number, a in model.escrow.agreements.items():
        most = max(0, a.ends_at - a.start) if a.is_lease else 0
        _at_most(name, a.downtime, most, f"downtime of {number}")
        _at_most(name, 0, a.downtime, f"downtime of {number}")


def nothing_moves_while_frozen(model: Model) -> None:
    """11.8: while frozen, money moves only by a ruling; a lease's clock rests while leaves are held, too."""
    name = "nothing_moves_while_frozen"
    resting: dict[int, tuple[int, ...]] = {}
    for number, a in model.escrow.agreements.items():
        if a.frozen or (a.is_lease and a.holds):
            since = (a.frozen, a.freezes, a.rulings, 0 if a.frozen else a.let_go)
            resting[number] = (*since, a.paid, a.refunded, a.budget, a.status, a.downtime if a.frozen else 0)
            then = model.seen.resting.get(number, resting[number])
            if then[:4] == since:
                _equal(name, resting[number], then, f"figures of {number} before and now")
        if a.frozen:
            _equal(name, a.status, Status.OPEN, f"status of {number}, which is frozen")
    model.seen.resting = resting


def allowances_do_not_leak(model: Model) -> None:
    """Section 4: an allowance is what was granted, less what agreements drew since and did not give back."""
    name = "allowances_do_not_leak"
    for (funder, customer, policy), allowance in model.escrow.allowances.items():
        drawn = model.escrow.committed(funder, customer, policy) - allowance.committed_then
        left = min(allowance.granted - drawn, UINT128_MAX)
        _equal(name, allowance.amount, left, f"allowance of {funder} for {customer} under {policy}")
        _at_most(name, 0, allowance.amount, f"allowance of {funder} for {customer} under {policy}")


def replacements_keep_their_parties(model: Model) -> None:
    """Section 4: what was replaced is closed for that reason, and its money stays with the same two."""
    name = "replacements_keep_their_parties"
    escrow = model.escrow
    closed = {n for n, a in escrow.agreements.items() if a.close_reason == CloseReason.REPLACED}
    _equal(name, closed, set(escrow.replaced), "agreements closed as replaced, and replaced")
    for old, new in escrow.replaced.items():
        before, after = escrow.agreements[old], escrow.agreements[new]
        _equal(name, (before.customer, before.funder), (after.customer, after.funder), f"parties of {new}")


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
    liabilities_equal_the_sum,
    locked_is_what_open_agreements_locked,
    agreements_stay_in_their_budgets,
    closed_agreements_return_what_came_in,
    gross_is_net_plus_fees,
    reward_base_is_the_fees_of_final_work,
    overturned_fees_were_earned,
    splits_pay_by_weight,
    leases_never_pay_beyond_their_clock,
    downtime_stays_in_the_term,
    nothing_moves_while_frozen,
    allowances_do_not_leak,
    replacements_keep_their_parties,
    fees_are_split_whole,
    *invariants_rewards.ALL,
    dividends_lose_no_dust,
    *invariants_work.ALL,
    *invariants_justice.ALL,
)
