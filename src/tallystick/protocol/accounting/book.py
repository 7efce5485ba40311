"""The Escrow's agreements: what all its parts read, and the one place where a figure is paid."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import constants
from ..amounts import ceil_bps, fee, refund_of
from ..enums import CloseReason, SkipReason, Status
from ..errors import Refused
from .accounts import Allowance
from .credentials import Credentials
from .policies import PolicyBook
from .records import Agreement, Parties, Step
from .splits import EscrowSplits
from .staking import Staking
from .tokens import Address


@dataclass(kw_only=True)
class EscrowBook(EscrowSplits):
    """Agreements by number, and the fees."""

    ledger: Address
    court: Address
    fee_splitter: Address
    staking: Staking
    policy_book: PolicyBook
    credentials: Credentials
    post_grace: int = constants.POST_GRACE
    settle_grace: int = constants.SETTLE_GRACE
    max_pause: int = constants.MAX_PAUSE
    fee_provider: int = constants.FEE_PROVIDER_BPS
    fee_customer: int = constants.FEE_CUSTOMER_BPS
    agreements: dict[int, Agreement] = field(default_factory=dict)
    nonces: dict[tuple[Address, int], int] = field(default_factory=dict)
    """(signer, nonce): how often it was spent by an opening; 0: only withdrawn."""
    refund_floors: dict[int, int] = field(default_factory=dict)
    moved_outside: int = 0
    """µ (gross + customer fee) that clocks, signed figures and replacements moved; for the invariants."""
    fees_accrued: int = 0
    fees_collected: int = 0

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

    def refund_floor(self, policy: int) -> int:
        """No refund under `policy` runs before it."""
        return self.refund_floors.get(policy, 0)

    def refundable_at(self, agreement: int) -> int:
        """When `refund` is allowed, freezes and holds aside."""
        found = self._open_agreement(agreement)
        policy = self.policy_book.get(found.policy)
        due = found.ends_at + self.post_grace + policy.longest_window + self.settle_grace
        return max(due, found.not_before, self.refund_floor(found.policy))

    def paid_until(self, agreement: int) -> int:
        """When an open agreement ends as things stand: a lease's money counts."""
        return self._open_agreement(agreement).ends_at

    def lag_of(self, policy: int) -> int:
        """Seconds by which a lease's clock pays late: report time + challenge window + SETTLE_GRACE."""
        terms = self.policy_book.get(policy)
        return terms.report_time + terms.challenge_window + self.settle_grace

    def pledge_of(self, agreement: Agreement) -> int:
        """µ that stand behind it: ceil(budget x coverage)."""
        return ceil_bps(agreement.budget, self.policy_book.coverage_of(agreement.policy))

    def parties_of(self, agreement: int) -> Parties:
        """What a receipt's checks need."""
        found = self.agreements.get(agreement)
        if found is None:
            return Parties()
        return Parties(
            found.status,
            found.mode,
            found.frozen,
            found.holds,
            found.policy,
            found.customer,
            found.funder,
            found.operator,
            found.payee,
            found.start,
            found.ends_at,
            self.pledge_of(found),
        )

    def committed(self, funder: int, customer: int, policy: int) -> int:
        """µ that agreements of the three have drawn of the allowance and not given back."""
        revoked = self.allowance_of(funder, customer, policy)[1]
        return sum(
            found.locked_in - (found.refunded if number >> 32 > revoked else 0)
            for number, found in self.agreements.items()
            if (found.funder, found.customer, found.policy) == (funder, customer, policy) and found.sponsored
        )

    # Parts of several functions

    def _step_to(
        self, agreement: int, units: int, paid: int, cap: int | None = None, gross_cap: int = 0
    ) -> Step:
        """The step to `paid` µ of gross in all, capped at the budget, or why there is none. Changes nothing."""
        found = self.agreements[agreement]
        after = min(paid, found.budget)
        if after <= found.paid:
            return Step(agreement, units, SkipReason.STALE)
        gross = after - found.paid
        fee_provider = fee(after, found.fee_provider) - fee(found.paid, found.fee_provider)
        fee_customer = fee(after, found.fee_customer) - fee(found.paid, found.fee_customer)
        if gross_cap and gross > gross_cap:
            return Step(agreement, units, SkipReason.ABOVE_BATCH_CAP)
        if cap is not None and gross + fee_customer > cap:
            return Step(agreement, units, SkipReason.ABOVE_DECLARED_VALUE)
        capped = SkipReason.CAPPED_AT_BUDGET if paid > found.budget else SkipReason.NONE
        return Step(agreement, units, capped, gross, fee_provider, fee_customer)

    def _book(self, step: Step, *, waits: bool = False) -> Step:
        """Enters a step. `waits`: of an instant release, whose fees reach `reward_base` when it is final."""
        found = self.agreements[step.agreement]
        payee = self.accounts[found.payee - 1]
        found.paid += step.gross
        found.net_moved += step.gross - step.fee_provider
        found.fee_provider_moved += step.fee_provider
        found.fee_customer_moved += step.fee_customer
        payee.received += step.gross - step.fee_provider
        if waits:
            found.fees_waiting += step.fees
        else:
            payee.reward_base += step.fees
        self.fees_accrued += step.fees
        return step

    def _raise_paid(
        self, agreement: int, units: int, paid: int, cap: int | None = None, gross_cap: int = 0
    ) -> Step:
        """Pays up to `paid` µ of gross in all, capped at the budget, or says why nothing moves."""
        return self._book(self._step_to(agreement, units, paid, cap, gross_cap))

    def _close_out(self, agreement: int, reason: CloseReason) -> int:
        """Closes and returns what was not spent to the funder and its allowance; the pledge is the caller's."""
        found = self.agreements[agreement]
        refunded = refund_of(found.budget, found.paid, found.fee_customer)
        funder = self.accounts[found.funder - 1]
        funder.locked -= found.locked
        funder.free += refunded
        found.status, found.refunded, found.close_reason = Status.CLOSED, refunded, reason
        if found.sponsored:
            key = (found.funder, found.customer, found.policy)
            allowance = self.allowances.setdefault(key, Allowance())
            if agreement >> 32 > allowance.revoked_sequence:
                allowance.amount = min(allowance.amount + refunded, constants.UINT128_MAX)
        return refunded

    def _release_pledge(self, agreement: int, *, fails: bool = False) -> None:
        """Frees the pledge, or leaves a mark: no exit is held up by `Staking`."""
        found = self.agreements[agreement]
        pledge = self.pledge_of(found)
        if pledge == 0:
            return
        if fails:
            found.pledge_stuck = True
            return
        try:
            self.staking.release(found.operator, pledge, caller=self.address)
        except Refused:
            found.pledge_stuck = True

    def _check_policy(self, policy: int) -> None:
        if self.policy_book.find(policy) is None:
            super()._check_policy(policy)

    def _open_agreement(self, agreement: int) -> Agreement:
        found = self.agreements.get(agreement)
        if found is None or found.status != Status.OPEN:
            raise Refused("Escrow_NotOpen", f"{agreement} is not open.")
        return found

    def _movable_agreement(self, agreement: int) -> Agreement:
        """An open agreement that is neither frozen nor held."""
        found = self._open_agreement(agreement)
        if found.frozen or found.holds:
            raise Refused("Escrow_Held", f"{agreement} is frozen or held.")
        return found

    def _check_ledger(self, caller: Address) -> None:
        if caller != self.ledger:
            raise Refused("Escrow_NotLedger", f"{caller} is not the ReceiptLedger.")

    def _let_go(self, agreement: int, not_before: int = 0) -> None:
        """One hold less; no refund before `not_before`."""
        found = self.agreements[agreement]
        if found.holds == 0:
            raise Refused("Escrow_NotHeld", f"{agreement} is not held.")
        found.holds -= 1
        found.let_go += found.holds == 0
        found.not_before = max(found.not_before, not_before)

    @staticmethod
    def _check_items(items: int) -> None:
        if items > constants.MAX_OPEN_ITEMS:
            raise Refused("Escrow_TooManyItems", f"{items} items; {constants.MAX_OPEN_ITEMS} at most.")
