"""`Escrow`: leases, whose clock counts. Poking them, their downtime, their beginning under TEE, the runway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..amounts import burn_until, fee, lease_gross, payable_seconds, price_of
from ..enums import CredentialKind, SkipReason, Status
from ..errors import Refused
from .opening import Openings
from .records import Agreement, Settlement, Step
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Clocks(Openings):
    """What a lease pays, and when."""

    def poke(self, agreements: Sequence[int], *, now: int) -> Settlement:
        """Pays the clocks of leases, at most 256. Anyone; a bad item says why and moves nothing."""
        self._check_items(len(agreements))
        steps = [self._poke_one(agreement, now) for agreement in agreements]
        return Settlement(sum(step.moved for step in steps), steps)

    def _poke_one(self, agreement: int, now: int) -> Step:
        found = self.agreements.get(agreement)
        reason = _clock_reason(found)
        if reason or found is None:
            return Step(agreement, 0, reason)
        return self._pay_clock(agreement, now)

    def _pay_clock(self, agreement: int, now: int) -> Step:
        """Pays a lease up to the horizon now - LAG, or to its end if that is earlier."""
        found = self.agreements[agreement]
        horizon = now - self.lag_of(found.policy)
        seconds = payable_seconds(horizon, found.ends_at, found.start, found.downtime)
        step = self._raise_paid(agreement, seconds, price_of(seconds, found.unit_price))
        self.moved_outside += step.moved
        if step.gross:
            found.paid_at = max(found.paid_at, min(horizon, found.ends_at))
        return step

    def begin(self, agreement: int, device: Address, *, caller: Address, now: int) -> int:
        """Starts the clock of a lease under TEE, on a device that was attested for it; returns the start."""
        found = self._open_agreement(agreement)
        if caller != self.staking.owner_of(found.operator):
            raise Refused("Escrow_NotParty", f"{caller} does not own operator {found.operator}.")
        if not found.waits_to_begin:
            raise Refused("Escrow_AlreadyBegun", f"The clock of {agreement} runs already.")
        if found.frozen:
            raise Refused("Escrow_Held", f"{agreement} is frozen.")
        start = max(now, found.earliest)
        if start >= found.ends_at:
            raise Refused("Escrow_Ended", f"{agreement} ended at {found.ends_at}.")
        if not self.is_attested(found, agreement, device, now):
            raise Refused("Escrow_DeviceNotAttested", f"{device} has no TEE credential for {agreement}.")
        found.start = start
        return start

    def is_attested(self, found: Agreement, agreement: int, device: Address, now: int) -> bool:
        """Whether the policy's issuer attested the device for this very agreement, with the right measurement."""
        policy = self.policy_book.get(found.policy)
        binding = agreement.to_bytes(32, "big")
        return self.credentials.is_valid_as(
            policy.issuer, CredentialKind.TEE, device, binding, policy.measurement, now
        )

    def set_downtime(self, agreement: int, units: int, *, caller: Address, now: int) -> SkipReason:
        """Sets a lease's downtime at once, up to what has elapsed now. ReceiptLedger only; NONE: set."""
        self._check_ledger(caller)
        found = self.agreements.get(agreement)
        reason = _downtime_reason(found, units, now)
        if reason == SkipReason.NONE and found is not None:
            found.downtime = units - found.forgiven
        return reason

    def runway_of(self, account: int, agreements: Sequence[int], *, now: int) -> int:
        """When the free money of `account` and what its running leases have not used would run out."""
        money = self.balance_of(account)[0]
        rates = []
        for number in agreements:
            found = self.agreements.get(number)
            if found is None or found.status != Status.OPEN or not found.is_lease or found.funder != account:
                continue
            if not found.start <= now < found.ends_at:
                continue
            seconds = payable_seconds(now, found.ends_at, found.start, found.downtime)
            used = max(found.paid, lease_gross(seconds, found.unit_price, found.budget))
            money += found.locked - used - fee(used, found.fee_customer)
            rates.append((found.unit_price, found.fee_customer))
        return burn_until(now, money, rates)


def _clock_reason(found: Agreement | None) -> SkipReason:
    """Why a clock does not pay, first reason first."""
    if found is None:
        return SkipReason.UNKNOWN_AGREEMENT
    if found.status != Status.OPEN:
        return SkipReason.CLOSED
    if not found.is_lease:
        return SkipReason.NOT_A_LEASE
    if found.frozen:
        return SkipReason.FROZEN
    return SkipReason.HELD if found.holds else SkipReason.NONE


def _downtime_reason(found: Agreement | None, units: int, time: int) -> SkipReason:
    """Why seconds not served, as known at `time`, do not count."""
    if found is None:
        return SkipReason.UNKNOWN_AGREEMENT
    if found.status != Status.OPEN:
        return SkipReason.CLOSED
    if not found.is_lease:
        return SkipReason.NOT_A_LEASE
    if found.frozen:
        return SkipReason.FROZEN
    return downtime_fault(found, units, time)


def downtime_fault(found: Agreement, units: int, time: int) -> SkipReason:
    """STALE, DOWNTIME_ABOVE_ELAPSED or NONE. Of a figure's seconds those that a ruling took back do not count."""
    counted = units - found.forgiven
    if counted <= found.downtime:
        return SkipReason.STALE
    return SkipReason.DOWNTIME_ABOVE_ELAPSED if counted > found.elapsed(time) else SkipReason.NONE
