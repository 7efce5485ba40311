"""Whether signatures stand behind a posted leaf, as `ReceiptLedger.backingFault` judges it. Pure: facts in, a fault
out.

A leaf says "so many units, with this output". What backs it is a receipt of that output for these units or more (a
relayer that caps a figure posts fewer units under the newest receipt's output), signed by a device of the
agreement's operator, with what the agreement's policy demands beside it. Keys and credentials are judged at the
batch's posting.

Of a lease, downtime only lowers the bill: the provider's own receipt backs it, and so do the policy's verdicts, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .eip712 import Domain, Receipt, Verdict, digest
from .enums import ReceiptFault, VerificationKind
from .errors import SignatureError
from .judge import PolicyRule
from .keys import ZERO_ADDRESS, recover

__all__ = [
    "AgreementFacts", "Item", "KeyLife", "Knowledge", "Leaf", "Signed", "backing_fault", "find_backing",
    "item_for", "verdicts_in_order",
]  # fmt: skip

EMPTY = b""


class Leaf(NamedTuple):
    """One posted figure: its place, what it claims, and when its batch was posted (seconds)."""

    batch: int
    idx: int
    agreement: int
    units: int
    output_root: bytes
    posted_at: int


class KeyLife(NamedTuple):
    """When a key is good: from `valid_from` on and before `revoked_at`, unless that is 0. All zero: never."""

    valid_from: int = 0
    revoked_at: int = 0

    def good_at(self, time: int) -> bool:
        """Whether it was good at `time`."""
        return 0 < self.valid_from <= time and (self.revoked_at == 0 or time < self.revoked_at)


class AgreementFacts(NamedTuple):
    """What the chain says of an agreement. `open`: it can still be paid; times in seconds."""

    agreement: int
    operator: int
    policy: int
    lease: bool
    open: bool
    start: int
    end: int


class Signed(NamedTuple):
    """A verdict and its signature, with the operator whose it is."""

    operator: int
    verdict: Verdict
    signature: bytes


class Item(NamedTuple):
    """What is shown for a leaf: the contract's `SignedReceipt` without acceptances. `device` may be empty where
    verdicts are enough; `verdicts` rise strictly by operator."""

    receipt: Receipt
    device: bytes
    verdicts: tuple[Signed, ...] = ()

    def arguments(self) -> tuple[object, ...]:
        """As the ABI wants it: (receipt, device, session key, acceptance, funder's acceptance, verdicts)."""
        shown = [
            (each.operator, each.verdict.verifier_version, each.verdict.confidence, each.signature)
            for each in self.verdicts
        ]
        return (tuple(self.receipt), self.device, "0x" + ZERO_ADDRESS.hex(), EMPTY, EMPTY, shown)


class Knowledge(NamedTuple):
    """What keys and credentials were when the leaf was posted.

    `devices`: keys of the agreement's operator; `verifiers`: (operator, key); `inactive`: verifiers whose stake fell
    below their role's minimum; `attested`: device keys with a TEE credential that is bound to the agreement and counts.
    """

    devices: Mapping[bytes, KeyLife]
    verifiers: Mapping[tuple[int, bytes], KeyLife]
    inactive: frozenset[int] = frozenset()
    attested: frozenset[bytes] = frozenset()


def backing_fault(
    leaf: Leaf,
    item: Item,
    agreement: AgreementFacts,
    rule: PolicyRule,
    known: Knowledge,
    domain: Domain,
    answered_by: int,
) -> ReceiptFault:
    """What is wrong with `item` as an answer for `leaf`; NONE when it backs it.

    Args:
        rule: Of the agreement's policy.
        domain: Of the ReceiptLedger.
        answered_by: The last second at which an answer could be given: a receipt's period must be over by then.
    """
    receipt = item.receipt
    if receipt.agreement != leaf.agreement:
        return ReceiptFault.UNKNOWN_AGREEMENT
    if receipt.units < leaf.units or receipt.output_root != leaf.output_root:
        return ReceiptFault.NOTHING_DUE
    fault = _device_fault(leaf, item, agreement, rule, known, domain, answered_by)
    if not agreement.lease:
        # Where nobody is asked, a verdict is one too many.
        wanting = fault == ReceiptFault.NONE and (rule.has_verifiers or bool(item.verdicts))
    elif fault == ReceiptFault.NONE or not agreement.open:
        return fault
    else:
        wanting = rule.has_verifiers and bool(item.verdicts)
    if not wanting:
        return fault
    enough = _has_quorum(leaf, item, rule, known, domain)
    return ReceiptFault.NONE if enough else ReceiptFault.NOT_ENOUGH_VERDICTS


def find_backing(
    leaf: Leaf,
    receipts: Iterable[tuple[Receipt, bytes]],
    verdicts: Iterable[Signed],
    agreement: AgreementFacts,
    rule: PolicyRule,
    known: Knowledge,
    domain: Domain,
    answered_by: int,
) -> tuple[ReceiptFault, Item | None]:
    """The first of these receipts, newest first, that backs the leaf with these verdicts, as (NONE, item). Otherwise
    what is wrong with the best of them, and that one; (NOTHING_DUE, None) when none is of this output and as many
    units.

    Args:
        receipts: (receipt, the device's signature) of the agreement.
        verdicts: Of any figures of it.
    """
    every = [one for one in verdicts if one.verdict.valid and one.verdict.agreement == leaf.agreement]
    fitting = sorted(
        (
            (receipt, signature)
            for receipt, signature in receipts
            if receipt.agreement == leaf.agreement
            and receipt.units >= leaf.units
            and receipt.output_root == leaf.output_root
        ),
        key=lambda pair: -pair[0].units,
    )
    candidates = [item_for(receipt, signature, every, rule) for receipt, signature in fitting]
    if agreement.lease:
        shown = {(one.verdict.units, one.verdict.output_root) for one in every}
        candidates += [
            item_for(Receipt(leaf.agreement, units, 0, 0, output, False), EMPTY, every, rule)
            for units, output in sorted(shown, reverse=True)
            if units >= leaf.units and output == leaf.output_root
        ]
    best: tuple[ReceiptFault, Item | None] = (ReceiptFault.NOTHING_DUE, None)
    for item in candidates:
        fault = backing_fault(leaf, item, agreement, rule, known, domain, answered_by)
        if fault == ReceiptFault.NONE:
            return fault, item
        if best[1] is None or fault == ReceiptFault.NOT_ENOUGH_VERDICTS:
            best = (fault, item)
    return best


def item_for(receipt: Receipt, device: bytes, verdicts: Iterable[Signed], rule: PolicyRule) -> Item:
    """A receipt with the verdicts on exactly its figure that can count under `rule`."""
    exact = (
        one
        for one in verdicts
        if one.verdict.valid
        and (one.verdict.agreement, one.verdict.units, one.verdict.output_root)
        == (receipt.agreement, receipt.units, receipt.output_root)
    )
    return Item(receipt, device, verdicts_in_order(exact, rule))


def verdicts_in_order(verdicts: Iterable[Signed], rule: PolicyRule) -> tuple[Signed, ...]:
    """One verdict of each of the policy's verifiers that counts, strictly rising by operator: what the contracts
    take."""
    chosen: dict[int, Signed] = {}
    for one in verdicts:
        if one.operator in rule.verifiers and rule.counts(
            one.verdict.verifier_version, one.verdict.confidence
        ):
            chosen.setdefault(one.operator, one)
    return tuple(chosen[operator] for operator in sorted(chosen))


def _device_fault(
    leaf: Leaf,
    item: Item,
    agreement: AgreementFacts,
    rule: PolicyRule,
    known: Knowledge,
    domain: Domain,
    answered_by: int,
) -> ReceiptFault:
    """As the ledger's `_checkDevice`: status, period, the device's signature, and under TEE its credential."""
    receipt = item.receipt
    if not agreement.open:
        return ReceiptFault.CLOSED
    if not agreement.start <= receipt.period_start < receipt.period_end <= min(answered_by, agreement.end):
        return ReceiptFault.OUTSIDE_PERIOD
    device = _signer(domain, receipt.hash_struct(), item.device)
    if device is None or not known.devices.get(device, KeyLife()).good_at(leaf.posted_at):
        return ReceiptFault.BAD_DEVICE_SIGNATURE
    if rule.kind == VerificationKind.TEE and not agreement.lease and device not in known.attested:
        return ReceiptFault.DEVICE_NOT_ATTESTED
    return ReceiptFault.NONE


def _has_quorum(leaf: Leaf, item: Item, rule: PolicyRule, known: Knowledge, domain: Domain) -> bool:
    """As the ledger's `_countVerdicts`."""
    return len(_signers_of(leaf, item.receipt, item.verdicts, rule, known, domain)) >= max(rule.quorum, 1)


def _signers_of(
    leaf: Leaf,
    receipt: Receipt,
    verdicts: Sequence[Signed],
    rule: PolicyRule,
    known: Knowledge,
    domain: Domain,
) -> set[int]:
    found: set[int] = set()
    for one in verdicts_in_order(verdicts, rule):
        version, confidence = one.verdict.verifier_version, one.verdict.confidence
        said = Verdict(
            receipt.agreement, receipt.units, receipt.output_root, True, version, confidence
        ).hash_struct()
        key = _signer(domain, said, one.signature)
        life = known.verifiers.get((one.operator, key), KeyLife()) if key is not None else KeyLife()
        if life.good_at(leaf.posted_at) and one.operator not in known.inactive:
            found.add(one.operator)
    return found


def _signer(domain: Domain, hash_struct: bytes, signature: bytes) -> bytes | None:
    try:
        return recover(digest(domain, hash_struct), signature)
    except SignatureError:
        return None
