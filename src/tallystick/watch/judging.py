"""Judges one leaf: what the sources know behind it, held against the chain, as `backingFault` would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from tallystick.protocol.backing import KeyLife, Knowledge, Leaf, Signed, find_backing
from tallystick.protocol.eip712 import digest
from tallystick.protocol.enums import KeyKind, ReceiptFault, VerificationKind
from tallystick.protocol.errors import SignatureError
from tallystick.protocol.keys import recover

from .evidence import Evidence, Seen, SourceSilent
from .ledger import Ledger, Posted

__all__ = ["Finding", "Judge", "Standing"]


class Standing(StrEnum):
    """What the watcher makes of a leaf."""

    OK = "ok"
    WRONG = "wrong"  # nothing that is known backs it
    UNSEEN = "unseen"  # no source backs it, and one did not answer
    OVERSTATED = "overstated"  # backed, but above what the watcher knows to be delivered
    CLOSED = "closed"  # its agreement is closed: nothing of it can be paid or challenged any more
    SIGNED = "signed"  # of a batch that stands on signatures which the chain has seen
    UNREADABLE = (
        "unreadable"  # the posting transaction does not carry the figures in a form that is understood
    )


class Finding(NamedTuple):
    """A leaf and what was found. `reason`: a ReceiptFault in lower case, or empty; `truth`: units that the watcher
    knows to be delivered, when the leaf says more."""

    leaf: Leaf
    policy: int
    standing: Standing
    reason: str = ""
    detail: str = ""
    truth: int | None = None

    @property
    def bad(self) -> bool:
        """Whether something is wrong with it, as far as is known."""
        return self.standing in (Standing.WRONG, Standing.UNSEEN, Standing.OVERSTATED)


class Judge:
    """Judges leaves by what its sources show and the chain says."""

    def __init__(self, ledger: Ledger, sources: Sequence[Evidence], truth: Mapping[int, int]) -> None:
        """`truth`: units delivered, by agreement, as far as the watcher itself knows."""
        self._ledger = ledger
        self._sources = sources
        self._truth = truth
        self._domain = ledger.domain

    def findings(self, batch: Posted, now: int) -> list[Finding]:
        """One for each leaf of a batch, at `now` (chain seconds)."""
        if batch.signed or batch.figures is None:
            unknown = Leaf(batch.number, 0, 0, 0, bytes(32), batch.posted_at)
            standing = Standing.SIGNED if batch.signed else Standing.UNREADABLE
            return [Finding(unknown, batch.policy, standing)]
        return [self.judge(leaf, batch.policy, now) for leaf in batch.leaves()]

    def judge(self, leaf: Leaf, policy: int, now: int) -> Finding:
        """What stands behind one leaf."""
        agreement = self._ledger.agreement(leaf.agreement)
        if agreement is None:
            return Finding(leaf, policy, Standing.WRONG, ReceiptFault.UNKNOWN_AGREEMENT.name.lower())
        if not agreement.open:
            return Finding(leaf, policy, Standing.CLOSED)
        if agreement.policy != policy:
            return Finding(leaf, policy, Standing.WRONG, ReceiptFault.OTHER_POLICY.name.lower())
        silent: list[str] = []
        seen = Seen()
        for source in self._sources:
            try:
                seen += source.behind(leaf)
            except SourceSilent as problem:
                silent.append(str(problem))
        terms = self._ledger.terms(policy)
        verdicts = self._with_operators(leaf, seen, terms.rule.verifiers)
        fault, item = find_backing(
            leaf,
            seen.receipts,
            [one for one, _ in verdicts],
            agreement,
            terms.rule,
            self._known(leaf, seen, verdicts, agreement.operator, agreement.lease, policy),
            self._domain,
            now + terms.response,
        )
        if fault == ReceiptFault.NONE:
            return self._against_truth(leaf, policy, agreement.lease)
        contradicted = item is not None and self._ledger.backing_fault(leaf, item) == ReceiptFault.NONE
        if contradicted:  # the contract would take it: never bet a bond on our own reckoning alone
            return self._against_truth(
                leaf, policy, agreement.lease, "the contract takes what this watcher does not"
            )
        standing = Standing.UNSEEN if silent else Standing.WRONG
        return Finding(leaf, policy, standing, fault.name.lower(), "; ".join(silent))

    def _against_truth(self, leaf: Leaf, policy: int, lease: bool, detail: str = "") -> Finding:
        truth = None if lease else self._truth.get(leaf.agreement)
        if truth is not None and leaf.units > truth:
            return Finding(leaf, policy, Standing.OVERSTATED, "units_overstated", detail, truth)
        return Finding(leaf, policy, Standing.OK, "", detail)

    def _with_operators(
        self, leaf: Leaf, seen: Seen, verifiers: frozenset[int]
    ) -> list[tuple[Signed, bytes]]:
        """Each verdict with the verifier of the policy whose key signed it; strangers' are left out."""
        found: list[tuple[Signed, bytes]] = []
        for verdict, signature, key in seen.verdicts:
            for operator in sorted(verifiers):
                if self._ledger.key(operator, KeyKind.VERIFIER, key).good_at(leaf.posted_at):
                    found.append((Signed(operator, verdict, signature), key))
                    break
        return found

    def _known(
        self,
        leaf: Leaf,
        seen: Seen,
        verdicts: Sequence[tuple[Signed, bytes]],
        operator: int,
        lease: bool,
        policy: int,
    ) -> Knowledge:
        devices: dict[bytes, KeyLife] = {}
        for receipt, signature in seen.receipts:
            try:
                key = recover(digest(self._domain, receipt.hash_struct()), signature)
            except SignatureError:
                continue
            devices[key] = self._ledger.key(operator, KeyKind.DEVICE, key)
        verifiers = {
            (one.operator, key): self._ledger.key(one.operator, KeyKind.VERIFIER, key)
            for one, key in verdicts
        }
        rule = self._ledger.terms(policy).rule
        attested: frozenset[bytes] = frozenset()
        if rule.kind == VerificationKind.TEE and not lease:
            attested = frozenset(
                key for key in devices if self._ledger.attested(rule, leaf.agreement, key, leaf.posted_at)
            )
        return Knowledge(
            devices, verifiers, self._ledger.inactive({number for number, _ in verifiers}), attested
        )
