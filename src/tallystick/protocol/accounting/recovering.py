"""`ReceiptLedger`: what a ruling left to recover, out of what is reserved of the agreement; windows and retiring."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import Refused
from .batches import Batch, Recovery
from .signed import SignedPaths
from .tokens import Address


@dataclass(kw_only=True)
class Recovering(SignedPaths):
    """Releases and self-posts' bonds stay while their agreement is frozen; then the victim comes first."""

    def recovery_of(self, agreement: int) -> Recovery:
        """What is due, and was given back so far."""
        return replace(self.recoveries.get(agreement, Recovery()))

    def add_recovery(self, agreement: int, due: int, *, caller: Address) -> None:
        """Lets `due` µ more be recovered. Court only."""
        self._check_caller(self.court, caller)
        self.recoveries.setdefault(agreement, Recovery()).due += due

    def end_recovery(self, agreement: int, *, caller: Address) -> int:
        """Nothing more is recovered; returns what was due. Court only."""
        self._check_caller(self.court, caller)
        recovery = self.recoveries.setdefault(agreement, Recovery())
        due, recovery.due = recovery.due, 0
        return due

    def _recover(self, agreement: int, operator: int, amount: int) -> int:
        """Takes what is due out of `amount` µ of reserved stake; returns µ that are the victim's now."""
        recovery = self.recoveries.get(agreement, Recovery())
        taken = min(recovery.due, amount)
        if taken:
            recovery.due -= taken
            recovery.done += taken
            self.recovered += taken
            self.staking.forfeit(operator, taken, self._victim_of(agreement), caller=self.address)
        return taken

    def _victim_of(self, agreement: int) -> Address:
        return self.escrow.owner_of(self.escrow.agreements[agreement].funder)

    # Windows

    def settleable_at(self, batch: int) -> int:
        """When a batch can be settled."""
        found = self.batches.get(batch)
        if found is None:
            raise Refused("ReceiptLedger_UnknownBatch", f"There is no batch {batch}.")
        policy = self.policy_book.get(found.policy)
        return found.posted_at + (policy.self_post_window if found.self_post else policy.challenge_window)

    def _past_window(self, batch: int, now: int) -> Batch:
        ends_at = self.settleable_at(batch)
        if now < ends_at:
            raise Refused("ReceiptLedger_WindowOpen", f"The window of batch {batch} ends at {ends_at}.")
        return self.batches[batch]

    def _retire(self, batch: int, found: Batch) -> None:
        """Takes the value out of flight, or gives a bond back; one whose agreement is frozen stays."""
        if found.retired:
            return
        if not found.self_post:
            found.retired = True
            self.flying[found.relayer] -= found.value
            return
        bond = self.bonds.get(batch)
        if bond is not None and self.escrow.agreements[bond.agreement].frozen:
            return
        found.retired = True
        if bond is None:
            return
        del self.bonds[batch]
        left = bond.amount - self._recover(bond.agreement, bond.operator, bond.amount)
        self.staking.return_bond(bond.operator, left, bond.source, caller=self.address)

    def _check_caller(self, wanted: Address, caller: Address) -> None:
        if caller != wanted:
            raise Refused("ReceiptLedger_NotCourt", f"{caller} is not {wanted}.")
