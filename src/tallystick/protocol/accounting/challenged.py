"""`ReceiptLedger`: leaves under challenge, void leaves, and what Court and Challenges read of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .. import merkle
from ..constants import BROKEN_BATCH
from ..enums import LeafEnd, ReceiptFault, Status
from ..errors import Refused
from ..figures import decode_figures, leaf_hash
from .batches import Batch, Leaf, SignedReceipt, SignedVerdict
from .records import Parties
from .releases import Releases
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


class Held(NamedTuple):
    """What `hold` tells Challenges of the leaf."""

    agreement: int
    units: int
    policy: int
    relayer: int


class Claimed(NamedTuple):
    """What a claim stands on."""

    fault: ReceiptFault
    agreement: int
    units: int
    output_root: bytes
    full: bool


@dataclass(kw_only=True)
class ChallengedLeaves(Releases):
    """A challenge blocks one leaf and holds its agreement; nothing else of the batch waits, until there are ten."""

    # Challenges only

    def hold(self, leaf: Leaf, *, caller: Address, now: int) -> Held:
        """Blocks a leaf of a relayer's batch inside its window, and holds its agreement."""
        self._check_caller(self.challenges, caller)
        ends_at = self.settleable_at(leaf.batch)
        found = self.batches[leaf.batch]
        if now >= ends_at:
            raise Refused("ReceiptLedger_WindowOver", f"The window of {leaf.batch} ended at {ends_at}.")
        if found.self_post or found.signed or found.cancelled_at:
            raise Refused("ReceiptLedger_NotChallengeable", f"Nobody can challenge leaves of {leaf.batch}.")
        if not _is_leaf(found, leaf):
            raise Refused("ReceiptLedger_BadProof", f"No proof that {leaf.leaf} is a leaf of {leaf.batch}.")
        if found.is_blocked(leaf.leaf):
            raise Refused("ReceiptLedger_LeafBlocked", f"Leaf {leaf.leaf} of {leaf.batch} is blocked.")
        ((agreement, units),) = decode_figures(leaf.figure)
        self.escrow.hold(agreement, caller=self.address)
        found.open[leaf.leaf] = agreement
        found.challenged = True
        if len(found.open) == BROKEN_BATCH:
            found.settled_when_blocked = found.settled.total()
        return Held(agreement, units, found.policy, found.relayer)

    def unhold(
        self, batch: int, index: int, agreement: int, end: LeafEnd, *, caller: Address, now: int
    ) -> bool:
        """Ends that; whether the batch is cancelled now: it is with its tenth void leaf."""
        self._check_caller(self.challenges, caller)
        found = self.batches.get(batch)
        if found is None or index not in found.open:
            raise Refused("ReceiptLedger_LeafNotBlocked", f"Leaf {index} of {batch} is not under challenge.")
        del found.open[index]
        if end == LeafEnd.VOID:
            found.void[index] = found.settled[index]
            if (batch, index) in self.releases:
                self._make_good(batch, index)
            if len(found.void) >= BROKEN_BATCH and not found.cancelled_at:
                found.broken_at = now
                self._cancel_batch(batch, found, now)
        answered = end == LeafEnd.ANSWERED
        self.escrow.unhold(agreement, now + self.escrow.settle_grace if answered else 0, caller=self.address)
        return found.cancelled_at > 0

    def _cancel_batch(self, batch: int, found: Batch, now: int) -> None:
        """It never settles, and nobody is refunded before its leaves could be paid in another way."""
        self._retire(batch, found)
        found.cancelled_at, found.moved_at_cancel = now, found.moved
        self_post = self.policy_book.get(found.policy).self_post_window
        floor = now + self.escrow.post_grace + self_post + self.escrow.settle_grace
        self.escrow.raise_refund_floor(found.policy, floor, caller=self.address)

    # Reads

    def blocked_of(self, batch: int) -> tuple[int, int, int]:
        """(mask of leaves that do not pay, how many are under challenge, how many are void)."""
        found = self.batches.get(batch)
        return (found.mask, len(found.open), len(found.void)) if found else (0, 0, 0)

    def backing_fault(
        self, batch: int, agreement: int, units: int, output: bytes, item: SignedReceipt, *, now: int
    ) -> ReceiptFault:
        """Whether full signatures for `units` or more with that output are shown, judged at the batch's posting."""
        if item.receipt.agreement != agreement:
            return ReceiptFault.UNKNOWN_AGREEMENT
        if item.receipt.units < units or item.receipt.output_root != output:
            return ReceiptFault.NOTHING_DUE
        parties = self.escrow.parties_of(agreement)
        time = self.batches[batch].posted_at
        judge = self._downtime_fault if parties.mode else self._check_full
        return judge(item, parties, time, now)

    def _downtime_fault(self, item: SignedReceipt, parties: Parties, time: int, now: int) -> ReceiptFault:
        """Downtime stands on the provider's receipt, or on verdicts alone where the policy has verifiers."""
        fault = self._check_device(item, parties, time, now)
        policy = self.policy_book.get(parties.policy)
        if not fault or parties.status != Status.OPEN or not policy.quorum or not item.verdicts:
            return fault
        good = self._has_verdicts(item, policy, time, now)
        return ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS

    def claim_of_leaf(self, leaf: Leaf) -> Claimed:
        """What a posted leaf says, and whether it can be paid for good."""
        ((agreement, units),) = decode_figures(leaf.figure)
        return Claimed(self._leaf_fault(leaf, agreement), agreement, units, leaf.output, True)

    def _leaf_fault(self, leaf: Leaf, agreement: int) -> ReceiptFault:
        found = self.batches.get(leaf.batch)
        if found is None or not _is_leaf(found, leaf):
            return ReceiptFault.NOT_POSTED
        if found.cancelled_at or leaf.leaf in found.void:
            return ReceiptFault.LEAF_VOID
        policy = self.escrow.parties_of(agreement).policy
        return ReceiptFault.NONE if policy == found.policy else ReceiptFault.OTHER_POLICY

    def claim_of_receipt(self, item: SignedReceipt, *, now: int) -> Claimed:
        """What a device signed, and whether everybody else did, too."""
        agreement, units, _, _, output_root, _ = item.receipt
        parties = self.escrow.parties_of(agreement)
        fault = self._check_device(item, parties, now, now)
        full = not fault and not self._check_full(item, parties, now, now)
        return Claimed(fault, agreement, units, output_root, full)

    def rejected_by(self, agreement: int, verdicts: Sequence[SignedVerdict], *, now: int) -> list[int]:
        """The verifiers who signed that only so much is valid: a quorum of the agreement's policy, or nobody."""
        policy = self.policy_book.find(self.escrow.parties_of(agreement).policy)
        return self._quorum(verdicts, policy, now, now) if policy else []


def _is_leaf(found: Batch, leaf: Leaf) -> bool:
    hashed = leaf_hash(leaf.leaf, leaf.figure, leaf.output)
    return leaf.leaf < found.leaves and merkle.verify(leaf.proof, found.root, hashed)
