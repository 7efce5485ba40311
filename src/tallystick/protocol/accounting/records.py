"""What the Escrow keeps of an agreement, and what its functions are given and give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..amounts import fee, funded_until, locked_for, payable_seconds
from ..eip712 import Terms
from ..enums import CloseReason, Mode, OpenRefusal, RefundFault, SkipReason, Status
from .slashing import RulingOrder, RulingOutcome


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
    countersigned: bool = False
    """Whether it was ever paid by both signatures."""
    pledge_stuck: bool = False
    stopped_by_provider: bool = False
    stop_at: int = 0
    downtime: int = 0
    forgiven: int = 0
    """Seconds of downtime that rulings took back: cumulative figures contain them still."""
    not_before: int = 0
    close_reason: CloseReason = CloseReason.NONE
    earliest: int = 0
    """The Terms' start: the clock of a lease under TEE begins no earlier."""
    terms_hash: bytes = bytes(32)
    max_budget: int = 0
    net_moved: int = 0
    fee_provider_moved: int = 0
    fee_customer_moved: int = 0
    fees_waiting: int = 0
    """Fees of releases that are not finalised: `reward_base` does not have them yet."""
    fees_overturned: int = 0
    """Fees of releases that were made good: `reward_base` never gets them."""
    locked_in: int = 0
    """µ that the opening and every top-up locked."""
    refunded: int = 0
    fees_ruled: int = 0
    """Fees of final work that a ruling overturned."""
    ruled: tuple[RulingOrder, RulingOutcome] | None = None
    """The ruling that closed it, and what that moved."""
    freezes: int = 0
    rulings: int = 0
    let_go: int = 0
    """How often it was frozen, was ruled on, and was held no longer."""
    paid_at: int = 0
    """The second up to which a lease was paid for, at most."""

    @property
    def sponsored(self) -> bool:
        """Whether somebody else pays for the customer."""
        return self.funder != self.customer

    @property
    def is_lease(self) -> bool:
        """Whether the clock counts."""
        return self.mode == Mode.LEASE

    @property
    def waits_to_begin(self) -> bool:
        """Whether it is a lease under TEE whose clock has not started."""
        return self.is_lease and self.start == self.end

    @property
    def funded_until(self) -> int:
        """When a lease's money runs out."""
        return funded_until(self.start, self.budget, self.unit_price)

    @property
    def ends_at(self) -> int:
        """Last second of service as things stand."""
        end = min(self.end, self.stop_at) if self.stop_at else self.end
        return min(end, self.funded_until) if self.is_lease else end

    @property
    def locked(self) -> int:
        """µ that it locks while it is open: budget and customer fee, settled parts included."""
        return locked_for(self.budget, self.fee_customer)

    @property
    def spent(self) -> int:
        """µ paid, customer fee included."""
        return self.paid + fee(self.paid, self.fee_customer)

    def elapsed(self, time: int) -> int:
        """Seconds of a lease's clock that had passed by `time`."""
        return payable_seconds(time, self.ends_at, self.start, 0)

    def reason_to_close(self) -> CloseReason:
        """What brings the end, as things stand."""
        if self.stop_at:
            by_provider = self.stopped_by_provider
            return CloseReason.CLOSED_BY_PROVIDER if by_provider else CloseReason.CLOSED_BY_CUSTOMER
        runs_out = self.is_lease and self.funded_until < self.end
        return CloseReason.EXHAUSTED if runs_out else CloseReason.EXPIRED


class SignedTerms(NamedTuple):
    """One item of `open_many`: the offer, and whether each side's signature is good."""

    terms: Terms
    customer_signed: bool = True
    operator_signed: bool = True


class ReplaceSigned(NamedTuple):
    """Whose signatures under a `Replacement` are good."""

    customer: bool = True
    funder: bool = True
    old_operator: bool = True
    new_operator: bool = True


class Opening(NamedTuple):
    """What became of one item: its number, or 0 and why."""

    agreement: int
    refusal: OpenRefusal


class SettleOrder(NamedTuple):
    """What the ReceiptLedger asks of a settlement, as in `EscrowTypes.sol`. `gross_cap` 0: no cap."""

    policy: int
    posted_at: int
    cap: int
    gross_cap: int = 0


class SignedFigure(NamedTuple):
    """A figure that needs no window. LEASE: `units` seconds not served up to `until`. `cap`: µ of gross."""

    agreement: int
    units: int
    until: int
    cap: int


class Step(NamedTuple):
    """What one figure did; `reason` NONE: paid whole, CAPPED_AT_BUDGET: paid up to the budget."""

    agreement: int
    units: int
    reason: SkipReason
    gross: int = 0
    fee_provider: int = 0
    fee_customer: int = 0

    @property
    def moved(self) -> int:
        """µ of gross + customer fee."""
        return self.gross + self.fee_customer

    @property
    def fees(self) -> int:
        """µ of both fees."""
        return self.fee_provider + self.fee_customer


class Settlement(NamedTuple):
    """µ (gross + customer fee) that moved, and what each figure did."""

    moved: int
    steps: list[Step]


class Refund(NamedTuple):
    """What `refund_many` did with one agreement."""

    agreement: int
    fault: RefundFault
    refunded: int = 0


class Parties(NamedTuple):
    """What a receipt's checks need of its agreement. Status NONE for an unknown number."""

    status: Status = Status.NONE
    mode: Mode = Mode.METERED
    frozen: bool = False
    holds: int = 0
    policy: int = 0
    customer: int = 0
    funder: int = 0
    operator: int = 0
    payee: int = 0
    start: int = 0
    end: int = 0
    pledge: int = 0
