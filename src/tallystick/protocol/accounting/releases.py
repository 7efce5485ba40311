"""`ReceiptLedger`: instant releases. A posted leaf is paid inside its window, against the operator's free stake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import merkle
from ..constants import MAX_BATCH_LEAVES, MAX_HOLDS, MAX_SIGNED_ITEMS
from ..enums import ReceiptFault, SkipReason, Status
from ..errors import Refused
from ..figures import decode_figures, leaf_hash
from .batches import Batch, Recovery, Release, Released, ReleaseRequest, SignedReceipt
from .records import Agreement, SettleOrder
from .recovering import Recovering
from .signed import check_items
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class Releases(Recovering):
    """Each release's amount stays reserved until exactly one of `finalise` and `make_good`."""

    def release(self, items: Sequence[ReleaseRequest], *, caller: Address, now: int) -> list[Released]:
        """Pays posted leaves at once. The operator's owner, or the payee's with its standing consent."""
        check_items(len(items), MAX_SIGNED_ITEMS)
        return [self._release_one(item, caller, now) for item in items]

    def _release_one(self, item: ReleaseRequest, caller: Address, now: int) -> Released:
        batch = self.batches.get(item.batch)
        reason = self._leaf_reason(item, batch, now)
        if reason or batch is None:
            return Released(reason)
        ((agreement, units),) = decode_figures(item.figure)
        found = self.escrow.agreements.get(agreement)
        cap = batch.value - batch.moved
        order = SettleOrder(batch.policy, batch.posted_at, cap, self._gross_cap(batch))
        step = self.escrow.release_step(order, agreement, units)
        if found is None or self._in_the_way(step.reason):
            return Released(step.reason)
        if found.holds >= MAX_HOLDS or not self._may_release(found, caller):
            return Released(SkipReason.NOT_RELEASABLE)
        if step.gross == 0:
            return Released(step.reason)
        if not self.staking.try_reserve(found.operator, step.moved, caller=self.address):
            return Released(SkipReason.NOT_RELEASABLE)
        done = self.escrow.settle_release(order, agreement, units, caller=self.address)
        batch.moved += done.moved
        self.releases[item.batch, item.leaf] = Release(
            agreement, units, done.moved, done.fees, found.operator
        )
        return Released(SkipReason.NONE, done.moved)

    def _gross_cap(self, found: Batch) -> int:
        """µ of gross that one agreement may move in the batch; 0, no cap, for what stands on full signatures."""
        return 0 if found.self_post or found.signed else self.policy_book.get(found.policy).gross_cap

    @staticmethod
    def _in_the_way(reason: SkipReason) -> bool:
        """Whether an agreement cannot be released at all, whoever asks and however much stake there is."""
        return reason in (
            SkipReason.UNKNOWN_AGREEMENT,
            SkipReason.CLOSED,
            SkipReason.OTHER_POLICY,
            SkipReason.NOT_METERED,
            SkipReason.FROZEN,
        )

    def _leaf_reason(self, item: ReleaseRequest, batch: Batch | None, now: int) -> SkipReason:
        """The leaf lies in a batch whose window runs, under a policy that allows this, not released before."""
        if batch is None:
            return SkipReason.NOT_RELEASABLE
        if batch.cancelled_at or batch.is_blocked(item.leaf):
            return SkipReason.VOID
        allowed = self.policy_book.get(batch.policy).instant_release
        running = now < self.settleable_at(item.batch)
        fresh = (item.batch, item.leaf) not in self.releases and item.leaf < batch.leaves
        hashed = leaf_hash(item.leaf, item.figure, item.output)
        proven = merkle.verify(item.proof, batch.root, hashed)
        good = allowed and running and fresh and proven
        return SkipReason.NONE if good else SkipReason.NOT_RELEASABLE

    def _may_release(self, found: Agreement, caller: Address) -> bool:
        if caller == self.staking.owner_of(found.operator):
            return True
        consents = self.staking.release_consent(found.operator, found.payee)
        return consents and caller == self.escrow.owner_of(found.payee)

    def finalise(self, batch: int, indices: Sequence[int], *, now: int) -> list[int]:
        """Frees the reservations of releases that are over, or were answered; which ones. Anyone."""
        if len(indices) > MAX_BATCH_LEAVES:
            raise Refused("ReceiptLedger_TooManyItems", f"{len(indices)} leaves.")
        found = self.batches.get(batch)
        cancelled = found is not None and found.cancelled_at > 0
        if not cancelled:
            self._past_window(batch, now)
        done = []
        for index in indices:
            waiting = self.releases.get((batch, index))
            if (
                waiting is None
                or (cancelled and not waiting.answered)
                or self.batches[batch].is_blocked(index)
            ):
                continue
            if self.escrow.agreements[waiting.agreement].frozen:
                continue
            self._finalise(batch, index)
            done.append(index)
        if not done:
            raise Refused("ReceiptLedger_NothingToFinalise", f"None of these of batch {batch} is over.")
        return done

    def answer_release(self, batch: int, index: int, item: SignedReceipt, *, now: int) -> None:
        """Shows full signatures for a released leaf of a cancelled batch, in time. Anyone."""
        waiting, ends_at = self._waiting(batch, index)
        if now >= ends_at:
            raise Refused("ReceiptLedger_ResponseOver", f"The time to answer ended at {ends_at}.")
        fault = self._answer_fault(item, waiting, self.batches[batch].posted_at, now)
        if fault:
            raise Refused("ReceiptLedger_BadAnswer", f"The receipt: {fault.name}.")
        waiting.answered = True

    def _answer_fault(self, item: SignedReceipt, waiting: Release, posted_at: int, now: int) -> ReceiptFault:
        agreement, units, *_ = item.receipt
        if agreement != waiting.agreement:
            return ReceiptFault.UNKNOWN_AGREEMENT
        if units < waiting.units:
            return ReceiptFault.NOTHING_DUE
        return self._check_full(item, self.escrow.parties_of(agreement), posted_at, now)

    def make_good(self, batch: int, index: int, *, now: int) -> int:
        """Pays the funder's owner out of the reservation what nobody answered for; returns µ, 0 after a ruling."""
        _, ends_at = self._waiting(batch, index)
        if now < ends_at:
            raise Refused("ReceiptLedger_ResponseOpen", f"It can be answered until {ends_at}.")
        return self._make_good(batch, index)

    def _make_good(self, batch: int, index: int) -> int:
        """Gives the whole reservation to the funder's owner, and returns µ, unless a ruling has said what stands."""
        if self.escrow.agreements[self.releases[batch, index].agreement].status != Status.OPEN:
            self._finalise(batch, index)
            return 0
        ended = self.releases.pop((batch, index))
        recovery = self.recoveries.setdefault(ended.agreement, Recovery())
        recovery.due -= min(recovery.due, ended.amount)
        recovery.done += ended.amount
        recovery.done_fees += ended.fees
        self.staking.forfeit(
            ended.operator, ended.amount, self._victim_of(ended.agreement), caller=self.address
        )
        self.made_good[batch, index] = ended.amount
        self.escrow.finalise_release(ended.agreement, ended.fees, False, caller=self.address)
        return ended.amount

    def _finalise(self, batch: int, index: int) -> None:
        """Frees the reservation, less what a ruling left to recover; the fees count for the payee either way."""
        ended = self.releases.pop((batch, index))
        left = ended.amount - self._recover(ended.agreement, ended.operator, ended.amount)
        self.staking.unreserve(ended.operator, left, caller=self.address)
        self.escrow.finalise_release(ended.agreement, ended.fees, True, caller=self.address)

    def _waiting(self, batch: int, index: int) -> tuple[Release, int]:
        """A released leaf of a cancelled batch that nobody answered for yet, and until when one may."""
        found = self.batches.get(batch)
        if found is None or not found.cancelled_at:
            raise Refused("ReceiptLedger_NotCancelled", f"Batch {batch} was not cancelled.")
        waiting = self.releases.get((batch, index))
        if waiting is None:
            raise Refused(
                "ReceiptLedger_NotReleased", f"Leaf {index} of {batch} was not released, or is over."
            )
        if waiting.answered:
            raise Refused("ReceiptLedger_Answered", f"Leaf {index} of {batch} was answered for.")
        return waiting, found.cancelled_at + self.policy_book.get(found.policy).response_window
