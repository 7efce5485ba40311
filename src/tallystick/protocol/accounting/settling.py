"""`Escrow`: figures are paid, by batch, by both signatures, or released before their window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import constants
from ..amounts import price_of
from ..enums import SkipReason, Status
from ..errors import Refused
from .clocks import Clocks, downtime_fault
from .records import Agreement, Settlement, SettleOrder, SignedFigure, Step
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Settling(Clocks):
    """What only the ReceiptLedger may ask."""

    def settle(
        self, order: SettleOrder, figures: Sequence[tuple[int, int]], skip_mask: int = 0, *, caller: Address
    ) -> Settlement:
        """Pays cumulative figures (agreement, units) of one policy. A lease's sets its downtime."""
        self._check_ledger(caller)
        steps: list[Step] = []
        moved = 0
        for index, (agreement, units) in enumerate(figures):
            void = bool(skip_mask >> index & 1)
            step = self._settle_one(order._replace(cap=order.cap - moved), agreement, units, void=void)
            moved += step.moved
            steps.append(step)
        return Settlement(moved, steps)

    def _settle_one(self, order: SettleOrder, agreement: int, units: int, *, void: bool) -> Step:
        found = self.agreements.get(agreement)
        reason = SkipReason.VOID if void else _skip_reason(found, order.policy)
        if reason or found is None:
            return Step(agreement, units, reason)
        if found.is_lease:
            reason = downtime_fault(found, units, order.posted_at)
            if reason == SkipReason.NONE:
                found.downtime = units - found.forgiven
            return Step(agreement, units, reason)
        paid = price_of(units, found.unit_price)
        return self._raise_paid(agreement, units, paid, order.cap, order.gross_cap)

    def settle_signed(self, figures: Sequence[SignedFigure], *, caller: Address, now: int) -> list[Step]:
        """Pays figures that both sides signed, at once and finally. ReceiptLedger only."""
        self._check_ledger(caller)
        return [self._settle_signed_one(figure, now) for figure in figures]

    def _settle_signed_one(self, figure: SignedFigure, now: int) -> Step:
        agreement, units, until, _ = figure
        found = self.agreements.get(agreement)
        reason = _skip_reason(found, found.policy if found else 0)
        if reason or found is None:
            return Step(agreement, units, reason)
        if not found.is_lease:
            return self._raise_capped(figure, price_of(units, found.unit_price))
        if until > min(now, found.ends_at):
            return Step(agreement, units, SkipReason.AHEAD_OF_CLOCK)
        if units > found.elapsed(until):
            return Step(agreement, units, SkipReason.DOWNTIME_ABOVE_ELAPSED)
        seconds = found.elapsed(until) - units
        step = self._raise_capped(figure, price_of(seconds, found.unit_price))
        if step.reason != SkipReason.ABOVE_DECLARED_VALUE:
            found.downtime = max(found.downtime, units)  # never fewer: figures may come in any order
        if step.gross:
            found.paid_at = max(found.paid_at, until)
        return step

    def _raise_capped(self, figure: SignedFigure, paid: int) -> Step:
        """Pays, unless the gross is above what a session key may still accept."""
        found = self.agreements[figure.agreement]
        if min(paid, found.budget) - found.paid > figure.cap:
            return Step(figure.agreement, figure.units, SkipReason.ABOVE_DECLARED_VALUE)
        step = self._raise_paid(figure.agreement, figure.units, paid)
        found.countersigned |= step.gross > 0
        self.moved_outside += step.moved
        return step

    def release_step(self, order: SettleOrder, agreement: int, units: int) -> Step:
        """What a release of this figure would do; changes nothing."""
        found = self.agreements.get(agreement)
        reason = _skip_reason(found, order.policy, metered_only=True)
        if reason or found is None:
            return Step(agreement, units, reason)
        return self._step_to(agreement, units, price_of(units, found.unit_price), order.cap, order.gross_cap)

    def settle_release(self, order: SettleOrder, agreement: int, units: int, *, caller: Address) -> Step:
        """Pays a metered figure before its window: `reward_base` waits, holds + 1. ReceiptLedger only."""
        self._check_ledger(caller)
        step = self.release_step(order, agreement, units)
        found = self.agreements.get(agreement)
        if step.gross == 0 or found is None:
            return step
        if found.holds >= constants.MAX_HOLDS:
            return Step(agreement, units, SkipReason.NOT_RELEASABLE)
        self._book(step, waits=True)
        found.holds += 1
        return step

    def finalise_release(self, agreement: int, fees: int, good: bool, *, caller: Address) -> None:
        """Ends a release: holds - 1; its fees reach the payee's `reward_base` when it was good."""
        self._check_ledger(caller)
        found = self.agreements[agreement]
        self._let_go(agreement)
        found.fees_waiting -= fees
        if good:
            self.accounts[found.payee - 1].reward_base += fees
        else:
            found.fees_overturned += fees

    def hold(self, agreement: int, *, caller: Address) -> None:
        """One of an open agreement's leaves is under challenge. ReceiptLedger only."""
        self._check_ledger(caller)
        found = self._open_agreement(agreement)
        if found.holds == constants.UINT8_MAX:
            raise Refused("Escrow_TooManyHolds", f"{agreement} has {found.holds} holds.")
        found.holds += 1

    def unhold(self, agreement: int, not_before: int, *, caller: Address) -> None:
        """And no longer, closed or not; what was answered is payable until `not_before`. ReceiptLedger only."""
        self._check_ledger(caller)
        self._let_go(agreement, not_before)

    def raise_refund_floor(self, policy: int, until: int, *, caller: Address) -> None:
        """Lets no refund under `policy` run before `until`; it only rises. ReceiptLedger only."""
        self._check_ledger(caller)
        self.refund_floors[policy] = max(until, self.refund_floor(policy))


def _skip_reason(found: Agreement | None, policy: int, *, metered_only: bool = False) -> SkipReason:
    if found is None:
        return SkipReason.UNKNOWN_AGREEMENT
    if found.status != Status.OPEN:
        return SkipReason.CLOSED
    if found.policy != policy:
        return SkipReason.OTHER_POLICY
    if metered_only and found.is_lease:
        return SkipReason.NOT_METERED
    return SkipReason.FROZEN if found.frozen else SkipReason.NONE
