"""`ReceiptLedger`: ways to be paid by signatures shown on chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..constants import MAX_SELF_POSTS, MAX_SIGNED_ITEMS
from ..eip712 import batch_number
from ..enums import BondSource, Mode, ReceiptFault, SkipReason, Status, VerificationKind
from ..errors import Refused
from ..figures import batch_root, encode_figure, figures_hash
from .batches import ANY_VALUE, Batch, Bond, Collected, SignedReceipt
from .receipts import ReceiptChecks
from .records import Parties, SignedFigure
from .sessions import UNLIMITED
from .tokens import Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class SignedPaths(ReceiptChecks):
    """Countersigned, reported, posted by anyone, posted by the provider itself."""

    def next_nonce(self, policy: int, operator: int) -> int:
        """The nonce of the next batch of this line: policy 0 for self-posts, operator 0 for signed posts."""
        return self.nonces.get((policy, operator), 0)

    def silent_at(self, policy: int) -> int:
        """When anyone may post under `policy` with full signatures."""
        terms = self.policy_book.find(policy)
        if terms is None:
            raise Refused("ReceiptLedger_UnknownPolicy", f"There is no policy {policy}.")
        return max(self.last_posts.get(policy, 0), self.policy_book.added_at(policy)) + terms.silence

    def collect(self, items: Sequence[SignedReceipt], *, now: int) -> tuple[int, list[Collected]]:
        """Pays receipts that both sides signed, at once; (µ moved, what became of each). Anyone."""
        check_items(len(items), MAX_SIGNED_ITEMS)
        done: dict[int, Collected] = {}
        whole: list[int] = []
        for place, item in enumerate(items):
            fault, most = self._check_countersigned(item, now)
            if fault:
                done[place] = Collected(item.receipt.agreement, fault)
            elif most == UNLIMITED:
                whole.append(place)
            else:  # what a key with a total may still accept depends on the item before
                done[place] = self._collect_one(item, most, now)
        for place in whole:
            done[place] = self._collect_one(items[place], UNLIMITED, now)
        results = [done[place] for place in range(len(items))]
        return sum(one.step.moved for one in results if one.step), results

    def _check_countersigned(self, item: SignedReceipt, now: int) -> tuple[ReceiptFault, int]:
        parties = self.escrow.parties_of(item.receipt.agreement)
        fault = self._check_device(item, parties, now, now)
        if not fault and parties.frozen:
            fault = ReceiptFault.FROZEN
        return (fault, 0) if fault else self._check_acceptance(item, parties, now)

    def _collect_one(self, item: SignedReceipt, most: int, now: int) -> Collected:
        agreement, units, _, until, *_ = item.receipt
        figure = SignedFigure(agreement, units, until, most)
        (step,) = self.escrow.settle_signed([figure], caller=self.address, now=now)
        if step.gross == 0:
            return Collected(agreement, ReceiptFault.NOTHING_DUE, step)
        if most != UNLIMITED:
            customer = self.escrow.parties_of(agreement).customer
            self.sessions.spend(customer, item.session_key, step.gross, caller=self.address)
        return Collected(agreement, ReceiptFault.NONE, step)

    def report_downtime(
        self, items: Sequence[SignedReceipt], *, now: int
    ) -> list[tuple[ReceiptFault, SkipReason]]:
        """Lowers leases' bills at once; (the receipt's fault, the Escrow's reason) of each. Anyone."""
        check_items(len(items), MAX_SIGNED_ITEMS)
        return [self._report_one(item, now) for item in items]

    def _report_one(self, item: SignedReceipt, now: int) -> tuple[ReceiptFault, SkipReason]:
        agreement, units, *_ = item.receipt
        fault = self._check_downtime(item, self.escrow.parties_of(agreement), now)
        if fault:
            return fault, SkipReason.NONE
        reason = self.escrow.set_downtime(agreement, units, caller=self.address, now=now)
        return (ReceiptFault.NOTHING_DUE if reason else ReceiptFault.NONE), reason

    def _check_downtime(self, item: SignedReceipt, parties: Parties, now: int) -> ReceiptFault:
        """The provider's own receipt, or the verdicts of a policy that has verifiers."""
        fault = self._check_period(item, parties, now)
        if fault:
            return fault
        if parties.mode != Mode.LEASE:
            return ReceiptFault.NOT_A_LEASE
        if self._is_device(item, parties, now):
            return ReceiptFault.NONE
        policy = self.policy_book.get(parties.policy)
        judged = policy.kind in (VerificationKind.ATTESTED, VerificationKind.QUORUM)
        if not item.device_empty or not judged:
            return ReceiptFault.BAD_DEVICE_SIGNATURE
        good = self._has_verdicts(item, policy, now, now)
        return ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS

    def post_signed(
        self, policy: int, items: Sequence[SignedReceipt], *, now: int
    ) -> tuple[int, list[ReceiptFault]]:
        """Posts with full signatures when the policy's relayer is silent; bad items are left out. Anyone."""
        silent_at = self.silent_at(policy)
        if now < silent_at:
            raise Refused("ReceiptLedger_RelayerNotSilent", f"Not before {silent_at}.")
        check_items(len(items), MAX_SIGNED_ITEMS)
        faults, good, last = [], [], 0
        for item in items:
            parties = self.escrow.parties_of(item.receipt.agreement)
            fault = self._check_full(item, parties, now, now)
            if not fault and parties.policy != policy:
                fault = ReceiptFault.OTHER_POLICY
            if not fault and item.receipt.agreement <= last:
                fault = ReceiptFault.NOT_RISING
            if not fault:
                last = item.receipt.agreement
                good.append(item)
            faults.append(fault)
        if not good:
            raise Refused("ReceiptLedger_NothingToPost", "No item is good.")
        return self._record(policy, policy, 0, good, now), faults

    def self_post(
        self, items: Sequence[SignedReceipt], *, caller: Address, now: int
    ) -> list[tuple[int, ReceiptFault]]:
        """Posts a provider's receipts, each as a batch of one leaf with a bond; (number or 0, fault)."""
        check_items(len(items), MAX_SELF_POSTS)
        return [self._self_post_one(item, caller, now) for item in items]

    def _self_post_one(self, item: SignedReceipt, caller: Address, now: int) -> tuple[int, ReceiptFault]:
        agreement = item.receipt.agreement
        parties = self.escrow.parties_of(agreement)
        if parties.status == Status.OPEN and caller != self.staking.owner_of(parties.operator):
            return 0, ReceiptFault.NOT_OPERATOR
        fault = self._check_full(item, parties, now, now)
        if fault:
            return 0, fault
        amount = self.policy_book.get(parties.policy).self_post_bond
        source = BondSource.NONE
        if amount:
            pledge = parties.pledge - self.pledge_bonds(agreement)
            source = self.staking.take_bond(parties.operator, amount, pledge, caller, caller=self.address)
            if source == BondSource.NONE:
                return 0, ReceiptFault.NO_BOND
        number = self._record(0, parties.policy, parties.operator, [item], now)
        if amount:
            self.bonds[number] = Bond(agreement, parties.operator, amount, source)
        return number, ReceiptFault.NONE

    def _record(self, line: int, policy: int, operator: int, items: Sequence[SignedReceipt], now: int) -> int:
        nonce = self.next_nonce(line, operator)
        self.nonces[line, operator] = nonce + 1
        number = batch_number(line, operator, nonce)
        figures = b"".join(encode_figure(item.receipt.agreement, item.receipt.units) for item in items)
        outputs = b"".join(item.receipt.output_root for item in items)
        self_post = line == 0
        self.batches[number] = Batch(
            posted_at=now,
            policy=policy,
            leaves=len(items),
            relayer=operator,
            value=ANY_VALUE,
            root=batch_root(figures, outputs),
            figures_hash=figures_hash(figures),
            retired=not self_post,
            self_post=self_post,
            signed=not self_post,
        )
        return number


def check_items(items: int, most: int) -> None:
    """Refuses a call with too many items."""
    if items > most:
        raise Refused("ReceiptLedger_TooManyItems", f"{items} items; {most} at most.")
