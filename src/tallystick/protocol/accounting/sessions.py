"""`SessionKeys`: customers' keys that sign acceptances and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import constants
from ..errors import Refused
from .accounts import EscrowAccounts
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence

UNLIMITED = constants.UINT64_MAX
"""What a key that is for listed agreements may accept."""


@dataclass
class Session:
    """What one key may accept. `total` and `spent` in µ of gross; `total` 0: for `agreements`."""

    valid_from: int
    expires_at: int
    total: int
    agreements: set[int]
    revoked_at: int = 0
    spent: int = 0

    def is_good(self, time: int) -> bool:
        """Whether it is good at `time`."""
        running = self.revoked_at == 0 or time < self.revoked_at
        return self.valid_from <= time < self.expires_at and running


@dataclass
class SessionKeys:
    """Sessions by (account, key). A key is granted once."""

    escrow: EscrowAccounts
    ledger: Address
    sessions: dict[tuple[int, Address], Session] = field(default_factory=dict)

    def acceptable(self, account: int, key: Address, agreement: int, time: int) -> int:
        """µ of gross that `key` may accept for `agreement` at `time`."""
        found = self.sessions.get((account, key))
        if found is None or not found.is_good(time):
            return 0
        if found.total:
            return found.total - found.spent
        return UNLIMITED if agreement in found.agreements else 0

    def grant(
        self,
        account: int,
        key: Address,
        expires_at: int,
        total: int,
        agreements: Sequence[int],
        *,
        caller: Address,
        now: int,
    ) -> None:
        """Lets `key` accept until `expires_at`: up to `total` µ in all, or without limit for `agreements`."""
        self._check_owner(account, caller)
        if key == ZERO_ADDRESS:
            raise Refused("SessionKeys_ZeroKey")
        if (account, key) in self.sessions:
            raise Refused("SessionKeys_AlreadyGranted", f"{key} was granted for {account} before.")
        if expires_at <= now or bool(agreements) == bool(total):
            raise Refused(
                "SessionKeys_BadGrant", f"Until {expires_at}, {total} µ, {len(agreements)} agreements."
            )
        self._check_items(agreements)
        self.sessions[account, key] = Session(now, expires_at, total, set(agreements))

    def list(self, account: int, key: Address, agreements: Sequence[int], *, caller: Address) -> None:
        """Adds agreements to a key that is for listed ones."""
        found = self._running(account, key, caller)
        if found.total:
            raise Refused("SessionKeys_BadGrant", f"{key} is for up to a total.")
        self._check_items(agreements)
        found.agreements.update(agreements)

    def revoke(self, account: int, key: Address, *, caller: Address, now: int) -> None:
        """Revokes a key; it ends within the hour."""
        found = self._running(account, key, caller)
        found.revoked_at = now + constants.SESSION_REVOCATION_DELAY

    def spend(self, account: int, key: Address, amount: int, *, caller: Address) -> None:
        """Books `amount` µ as accepted. ReceiptLedger only."""
        if caller != self.ledger:
            raise Refused("SessionKeys_NotLedger", f"{caller} is not the ReceiptLedger.")
        found = self.sessions.get((account, key))
        if found is not None and not found.total:
            return
        left = found.total - found.spent if found else 0
        if amount > left:
            raise Refused("SessionKeys_AboveTotal", f"{amount} µ wanted, {left} µ left.")
        if found is not None:
            found.spent += amount

    def _running(self, account: int, key: Address, caller: Address) -> Session:
        self._check_owner(account, caller)
        found = self.sessions.get((account, key))
        if found is None:
            raise Refused("SessionKeys_Unknown", f"{key} was never granted for {account}.")
        if found.revoked_at:
            raise Refused("SessionKeys_AlreadyRevoked", f"{key} ends at {found.revoked_at}.")
        return found

    def _check_owner(self, account: int, caller: Address) -> None:
        if self.escrow.owner_of(account) != caller:
            raise Refused("SessionKeys_NotOwner", f"{caller} does not own account {account}.")

    @staticmethod
    def _check_items(agreements: Sequence[int]) -> None:
        if len(agreements) > constants.MAX_OPEN_ITEMS:
            raise Refused("SessionKeys_TooManyItems", f"{len(agreements)} agreements; 256 at most.")
