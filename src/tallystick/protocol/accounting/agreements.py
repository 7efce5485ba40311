"""`Escrow`: agreements from the signed offer to the refund, and the fees. All in µ and seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .. import constants
from ..amounts import ceil_bps, fee, locked_for, price_of, refund_of
from ..eip712 import Terms, agreement_number
from ..enums import Mode, OpenRefusal, SkipReason, Status
from ..errors import EncodingError, Refused
from .accounts import Allowance, EscrowAccounts
from .policies import PolicyBook, check_role
from .staking import Staking
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Agreement:
    """What the two slots hold, and below it counters that only the invariants read."""

    customer: int
    funder: int
    operator: int
    payee: int
    mode: Mode
    policy: int
    unit_price: int
    budget: int
    fee_provider: int
    fee_customer: int
    start: int
    end: int
    paid: int = 0
    status: Status = Status.OPEN
    frozen: bool = False
    holds: int = 0
    pledge_stuck: bool = False
    stop_at: int = 0
    downtime: int = 0
    not_before: int = 0
    net_moved: int = 0
    fee_provider_moved: int = 0
    fee_customer_moved: int = 0
    refunded: int = 0

    @property
    def sponsored(self) -> bool:
        """Whether somebody else pays for the customer."""
        return self.funder != self.customer

    @property
    def ends_at(self) -> int:
        """Last second of service as things stand."""
        return self.stop_at or self.end


class SignedTerms(NamedTuple):
    """One item of `open_many`: the offer, and whether each side's signature is good."""

    terms: Terms
    customer_signed: bool = True
    operator_signed: bool = True


class Opening(NamedTuple):
    """What became of one item: its number, or 0 and why."""

    agreement: int
    refusal: OpenRefusal


class Step(NamedTuple):
    """What one figure did; `reason` NONE: paid whole, CAPPED_AT_BUDGET: paid up to the budget."""

    agreement: int
    units: int
    reason: SkipReason
    gross: int = 0
    fee_provider: int = 0
    fee_customer: int = 0


class Settlement(NamedTuple):
    """µ (gross + customer fee) that moved, and what each figure did."""

    moved: int
    steps: list[Step]


@dataclass(kw_only=True)
class Escrow(EscrowAccounts):
    """Accounts, agreements and fees."""

    ledger: Address
    fee_splitter: Address
    admin: Address
    staking: Staking
    policy_book: PolicyBook
    post_grace: int = constants.POST_GRACE
    settle_grace: int = constants.SETTLE_GRACE
    fee_provider: int = constants.FEE_PROVIDER_BPS
    fee_customer: int = constants.FEE_CUSTOMER_BPS
    agreements: dict[int, Agreement] = field(default_factory=dict)
    nonces: set[tuple[Address, int]] = field(default_factory=set)
    fees_accrued: int = 0
    fees_collected: int = 0

    def __post_init__(self) -> None:
        _check_fees(self.fee_provider, self.fee_customer)

    # Reads

    def agreement_count(self) -> int:
        """How many agreements were ever opened."""
        return self.sequence

    def nonce_spent(self, signer: Address, nonce: int) -> bool:
        """Whether `signer` has spent or cancelled `nonce`."""
        return (signer, nonce) in self.nonces

    def fees(self) -> tuple[int, int]:
        """(provider, customer) fees of future openings, in basis points."""
        return self.fee_provider, self.fee_customer

    def fee_totals(self) -> tuple[int, int]:
        """(accrued, collected) in µ."""
        return self.fees_accrued, self.fees_collected

    def refundable_at(self, agreement: int) -> int:
        """When `refund` is allowed, freezes and holds aside."""
        found = self._open_agreement(agreement)
        policy = self.policy_book.get(found.policy)
        due = found.ends_at + self.post_grace + policy.longest_window + self.settle_grace
        return max(due, found.not_before)

    def pledge_of(self, agreement: Agreement) -> int:
        """µ that stand behind it: ceil(budget x coverage)."""
        return ceil_bps(agreement.budget, self.policy_book.coverage_of(agreement.policy))

    # Opening

    def open(
        self,
        terms: Terms,
        customer_signed: bool = True,
        operator_signed: bool = True,
        *,
        caller: Address = ZERO_ADDRESS,
        now: int,
    ) -> Opening:
        """Opens one agreement; see `open_many`."""
        return self.open_many([SignedTerms(terms, customer_signed, operator_signed)], caller=caller, now=now)[
            0
        ]

    def open_many(
        self, items: Sequence[SignedTerms], *, caller: Address = ZERO_ADDRESS, now: int
    ) -> list[Opening]:
        """Opens agreements, at most 256; an item that cannot open says why and changes nothing."""
        if len(items) > constants.MAX_OPEN_ITEMS:
            raise Refused("Escrow_TooManyItems", f"{len(items)} items; 256 at most.")
        if any(item.terms.mode not in tuple(Mode) for item in items):
            raise EncodingError("There is no such mode.")
        hashes = [item.terms.hash_struct() for item in items]
        return [
            self._open_one(item, terms_hash, caller, now)
            for item, terms_hash in zip(items, hashes, strict=True)
        ]

    def _open_one(self, item: SignedTerms, terms_hash: bytes, caller: Address, now: int) -> Opening:
        terms = item.terms
        openable, coverage = self.policy_book.opening_terms(terms.policy)
        refusal = (
            self._refusal_of_terms(terms, openable, now)
            or self._refusal_of_parties(item, caller)
            or self._refusal_of_money(terms)
        )
        if refusal:
            return Opening(0, refusal)
        if not self.staking.try_pledge(terms.operator, ceil_bps(terms.budget, coverage), caller=self.address):
            return Opening(0, OpenRefusal.NOT_ENOUGH_STAKE)
        locked = locked_for(terms.budget, self.fee_customer)
        funder = self.accounts[terms.funder - 1]
        funder.free -= locked
        funder.locked += locked
        if terms.funder != terms.customer:
            self.allowances[terms.funder, terms.customer, terms.policy].amount -= locked
        self.nonces.add((self.owner_of(terms.customer), terms.customer_nonce))
        self.nonces.add((self.staking.owner_of(terms.operator), terms.operator_nonce))
        self.sequence += 1
        number = agreement_number(self.sequence, terms_hash)
        self.agreements[number] = Agreement(
            customer=terms.customer,
            funder=terms.funder,
            operator=terms.operator,
            payee=terms.payee,
            mode=Mode(terms.mode),
            policy=terms.policy,
            unit_price=terms.unit_price,
            budget=terms.budget,
            fee_provider=self.fee_provider,
            fee_customer=self.fee_customer,
            start=max(terms.start, now),
            end=terms.expiry,
        )
        return Opening(number, OpenRefusal.NONE)

    def _refusal_of_terms(self, terms: Terms, openable: bool, now: int) -> OpenRefusal:
        clock = max(terms.start, now)
        if now > terms.deadline:
            return OpenRefusal.DEADLINE_PASSED
        if Mode(terms.mode) != Mode.METERED:
            return OpenRefusal.UNSUPPORTED_MODE
        if terms.unit_price == 0:
            return OpenRefusal.PRICE_IS_ZERO
        if not 0 < terms.budget <= terms.max_budget:
            return OpenRefusal.BUDGET_OUT_OF_RANGE
        if not clock < terms.expiry <= clock + constants.MAX_TERM or clock > now + constants.MAX_TERM:
            return OpenRefusal.TIMES_OUT_OF_RANGE
        if not openable:
            return OpenRefusal.POLICY_NOT_OPEN
        if self.fee_provider > terms.max_fee_provider or self.fee_customer > terms.max_fee_customer:
            return OpenRefusal.FEE_ABOVE_MAXIMUM
        return OpenRefusal.NONE

    def _refusal_of_parties(self, item: SignedTerms, caller: Address) -> OpenRefusal:
        terms = item.terms
        if any(self.find_account(account) is None for account in (terms.customer, terms.funder, terms.payee)):
            return OpenRefusal.UNKNOWN_ACCOUNT
        customer, operator = self.owner_of(terms.customer), self.staking.owner_of(terms.operator)
        if operator == ZERO_ADDRESS:
            return OpenRefusal.UNKNOWN_OPERATOR
        to_spend = [(customer, terms.customer_nonce), (operator, terms.operator_nonce)]
        if len({*to_spend} - self.nonces) != 2:
            return OpenRefusal.NONCE_SPENT
        if not item.customer_signed and caller != customer:
            return OpenRefusal.BAD_CUSTOMER_SIGNATURE
        if not item.operator_signed and caller != operator:
            return OpenRefusal.BAD_OPERATOR_SIGNATURE
        return OpenRefusal.NONE

    def _refusal_of_money(self, terms: Terms) -> OpenRefusal:
        locked = locked_for(terms.budget, self.fee_customer)
        if locked > self.balance_of(terms.funder)[0]:
            return OpenRefusal.NOT_ENOUGH_FUNDS
        if terms.funder == terms.customer:
            return OpenRefusal.NONE
        if locked > self.allowance_of(terms.funder, terms.customer, terms.policy)[0]:
            return OpenRefusal.NOT_ENOUGH_ALLOWANCE
        return OpenRefusal.NONE

    def cancel_nonces(self, word: int, mask: int, *, caller: Address) -> None:
        """Spends the nonces word * 256 + bit of the caller for every bit of `mask`."""
        self.nonces.update((caller, word * 256 + bit) for bit in range(256) if mask >> bit & 1)

    # Ending

    def close(self, agreement: int, *, caller: Address, now: int) -> int:
        """Ends an agreement and returns when: the customer after the notice, the operator's owner at once."""
        found = self._open_agreement(agreement)
        stop_at = now
        if caller != self.staking.owner_of(found.operator):
            if caller != self.owner_of(found.customer):
                raise Refused("Escrow_NotParty", f"{caller} is no party to {agreement}.")
            stop_at += self.policy_book.get(found.policy).notice
        stop_at = max(stop_at, found.start)
        if stop_at >= found.ends_at:
            raise Refused("Escrow_AlreadyEnding", f"{agreement} ends at {found.ends_at} already.")
        found.stop_at = stop_at
        return stop_at

    def refund(self, agreement: int, *, now: int, release_fails: bool = False) -> int:
        """Closes an agreement whose waiting is over and returns the µ that went back to the funder.

        `release_fails` models too little gas left for the pledge's release: the exit happens all the same.
        """
        found = self._open_agreement(agreement)
        if found.frozen or found.holds:
            raise Refused("Escrow_Held", f"{agreement} is frozen or held.")
        due = self.refundable_at(agreement)
        if now < due:
            raise Refused("Escrow_NotRefundableYet", f"{agreement} is refundable from {due} on.")
        refunded = refund_of(found.budget, found.paid, found.fee_customer)
        funder = self.accounts[found.funder - 1]
        funder.locked -= locked_for(found.budget, found.fee_customer)
        funder.free += refunded
        found.status, found.refunded = Status.CLOSED, refunded
        if found.sponsored:
            key = (found.funder, found.customer, found.policy)
            allowance = self.allowances.setdefault(key, Allowance())
            if agreement >> 32 > allowance.revoked_sequence:
                allowance.amount = min(allowance.amount + refunded, constants.UINT128_MAX)
        pledge = self.pledge_of(found)
        if release_fails and pledge:
            found.pledge_stuck = True
        else:
            self.staking.release(found.operator, pledge, caller=self.address)
        return refunded

    def retry_release(self, agreement: int) -> int:
        """Releases a pledge that `refund` could not release; returns its µ."""
        found = self.agreements.get(agreement)
        if found is None or not found.pledge_stuck:
            raise Refused("Escrow_PledgeNotStuck", f"The pledge of {agreement} is not stuck.")
        found.pledge_stuck = False
        self.staking.release(found.operator, self.pledge_of(found), caller=self.address)
        return self.pledge_of(found)

    # Settling

    def settle(
        self, policy: int, figures: Sequence[tuple[int, int]], skip_mask: int, cap: int, *, caller: Address
    ) -> Settlement:
        """Pays cumulative figures (agreement, units) of one policy, at most `cap` µ. ReceiptLedger only."""
        if caller != self.ledger:
            raise Refused("Escrow_NotLedger", f"{caller} is not the ReceiptLedger.")
        steps = []
        moved = 0
        for index, (agreement, units) in enumerate(figures):
            void = bool(skip_mask >> index & 1)
            step = self._settle_one(policy, agreement, units, cap - moved, void=void)
            moved += step.gross + step.fee_customer
            self.fees_accrued += step.fee_provider + step.fee_customer
            steps.append(step)
        return Settlement(moved, steps)

    def _settle_one(self, policy: int, agreement: int, units: int, cap: int, *, void: bool) -> Step:
        found = self.agreements.get(agreement)
        reason = SkipReason.VOID if void else _skip_reason(found, policy)
        if reason or found is None:
            return Step(agreement, units, reason)
        price = price_of(units, found.unit_price)
        paid = min(price, found.budget)
        if paid <= found.paid:
            return Step(agreement, units, SkipReason.STALE)
        gross = paid - found.paid
        fee_provider = fee(paid, found.fee_provider) - fee(found.paid, found.fee_provider)
        fee_customer = fee(paid, found.fee_customer) - fee(found.paid, found.fee_customer)
        if gross + fee_customer > cap:
            return Step(agreement, units, SkipReason.ABOVE_DECLARED_VALUE)
        found.paid = paid
        found.net_moved += gross - fee_provider
        found.fee_provider_moved += fee_provider
        found.fee_customer_moved += fee_customer
        payee = self.accounts[found.payee - 1]
        payee.received += gross - fee_provider
        payee.reward_base += fee_provider + fee_customer
        capped = SkipReason.CAPPED_AT_BUDGET if price > found.budget else SkipReason.NONE
        return Step(agreement, units, capped, gross, fee_provider, fee_customer)

    # Fees

    def set_fees(self, provider: int, customer: int, *, caller: Address) -> None:
        """Sets the fees of future openings, in basis points. Behind a role."""
        check_role(self.admin, caller)
        _check_fees(provider, customer)
        self.fee_provider, self.fee_customer = provider, customer

    def collect_fees(self) -> int:
        """Sends the collected fees to the fee splitter; returns µ. Anyone."""
        amount = self.fees_accrued - self.fees_collected
        if amount:
            self.currency.move(self.address, self.fee_splitter, amount, booked=True)
            self.fees_collected += amount
        return amount

    def _check_policy(self, policy: int) -> None:
        if self.policy_book.find(policy) is None:
            super()._check_policy(policy)

    def _open_agreement(self, agreement: int) -> Agreement:
        found = self.agreements.get(agreement)
        if found is None or found.status != Status.OPEN:
            raise Refused("Escrow_NotOpen", f"{agreement} is not open.")
        return found


def _skip_reason(found: Agreement | None, policy: int) -> SkipReason:
    if found is None:
        return SkipReason.UNKNOWN_AGREEMENT
    if found.status != Status.OPEN:
        return SkipReason.CLOSED
    if found.policy != policy:
        return SkipReason.OTHER_POLICY
    if found.mode != Mode.METERED:
        return SkipReason.NOT_METERED
    return SkipReason.FROZEN if found.frozen else SkipReason.NONE


def _check_fees(provider: int, customer: int) -> None:
    if provider + customer > constants.MAX_FEES_BPS:
        raise Refused("Escrow_FeesTooHigh", f"{provider} + {customer} basis points; 2 000 at most.")
