"""`Escrow`: how an agreement ends. Closing and refunds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..enums import RefundFault, Status
from ..errors import Refused
from .records import Refund
from .settling import Settling
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Endings(Settling):
    """Every way out."""

    def close(self, agreement: int, *, caller: Address, now: int) -> int:
        """Ends an agreement and returns when: the customer after the notice, the operator's owner at once."""
        found = self._open_agreement(agreement)
        stop_at = now
        by_provider = caller == self.staking.owner_of(found.operator)
        if not by_provider:
            if caller != self.owner_of(found.customer):
                raise Refused("Escrow_NotParty", f"{caller} is no party to {agreement}.")
            stop_at += self.policy_book.get(found.policy).notice
        if not found.waits_to_begin:
            stop_at = max(stop_at, found.start)
        if stop_at >= found.ends_at:
            raise Refused("Escrow_AlreadyEnding", f"{agreement} ends at {found.ends_at} already.")
        found.stop_at, found.stopped_by_provider = stop_at, by_provider
        return stop_at

    def refund(self, agreement: int, *, now: int, release_fails: bool = False) -> int:
        """Closes an agreement whose waiting is over and returns the µ that went back to the funder.

        `release_fails` models too little gas left for the pledge's release: the exit happens all the same.
        """
        self._movable_agreement(agreement)
        due = self.refundable_at(agreement)
        if now < due:
            raise Refused("Escrow_NotRefundableYet", f"{agreement} is refundable from {due} on.")
        return self._refund(agreement, now, release_fails=release_fails)

    def refund_many(self, agreements: Sequence[int], *, now: int) -> list[Refund]:
        """Refunds all that are due, at most 256; says why of the others. Anyone."""
        self._check_items(len(agreements))
        return [self._refund_if_due(agreement, now) for agreement in agreements]

    def _refund_if_due(self, agreement: int, now: int) -> Refund:
        found = self.agreements.get(agreement)
        if found is None or found.status != Status.OPEN:
            return Refund(agreement, RefundFault.NOT_OPEN)
        if found.frozen or found.holds:
            return Refund(agreement, RefundFault.HELD)
        if now < self.refundable_at(agreement):
            return Refund(agreement, RefundFault.TOO_EARLY)
        return Refund(agreement, RefundFault.NONE, self._refund(agreement, now))

    def refund_early(
        self, agreement: int, deadline: int = 0, operator_signed: bool = True, *, caller: Address, now: int
    ) -> int:
        """Refunds at the end without the waiting, with the operator's consent; returns µ."""
        found = self._movable_agreement(agreement)
        if now < found.ends_at:
            raise Refused("Escrow_NotEnded", f"{agreement} ends at {found.ends_at}.")
        if now < found.not_before:  # a ruling left this time to others than the operator
            raise Refused("Escrow_NotRefundableYet", f"{agreement} is refundable from {found.not_before} on.")
        self._check_operator(agreement, deadline, operator_signed, caller, now)
        return self._refund(agreement, now)

    def _refund(self, agreement: int, now: int, *, release_fails: bool = False) -> int:
        found = self.agreements[agreement]
        if found.is_lease:
            self._pay_clock(agreement, now)
        refunded = self._close_out(agreement, found.reason_to_close())
        self._release_pledge(agreement, fails=release_fails)
        return refunded

    def retry_release(self, agreement: int) -> int:
        """Releases a pledge that an exit could not release; returns its µ."""
        found = self.agreements.get(agreement)
        if found is None or not found.pledge_stuck:
            raise Refused("Escrow_PledgeNotStuck", f"The pledge of {agreement} is not stuck.")
        self.staking.release(found.operator, self.pledge_of(found), caller=self.address)
        found.pledge_stuck = False
        return self.pledge_of(found)

    def _check_operator(
        self, agreement: int, deadline: int, operator_signed: bool, caller: Address, now: int
    ) -> None:
        """The operator's owner consents: it calls, or it signed and the deadline has not passed."""
        if caller == self.staking.owner_of(self.agreements[agreement].operator):
            return
        if now > deadline:
            raise Refused("Escrow_DeadlinePassed", f"The signature was good until {deadline}.")
        if not operator_signed:
            raise Refused("Escrow_BadSignature", f"The operator of {agreement} did not sign.")
