"""Whether a receipt may be paid, by the agreement's policy. Pure; the on-chain twin checks a self-post."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .enums import VerificationKind


class PolicyRule(NamedTuple):
    """What a policy demands. `verifiers`: operators whose verdicts count, from `verifier_version` and `min_confidence`
    (basis points) on; `issuer`: whose TEE credentials count, and with which `measurement` (zeros: any)."""

    policy: int
    kind: int
    quorum: int
    verifiers: frozenset[int]
    issuer: bytes = b""
    measurement: bytes = b""
    verifier_version: int = 0
    min_confidence: int = 0

    @property
    def has_verifiers(self) -> bool:
        """Whether verdicts decide: under NONE and TEE there are none."""
        return self.kind in (VerificationKind.ATTESTED, VerificationKind.QUORUM)

    def counts(self, version: int, confidence: int) -> bool:
        """Whether a verdict of that version and confidence counts at all."""
        return version >= self.verifier_version and confidence >= self.min_confidence


class Figure(NamedTuple):
    """What a receipt claims and a verdict judges: cumulative `units` and the commitment to their output."""

    agreement: int
    units: int
    output_root: bytes


class Opinion(NamedTuple):
    """A verdict as far as the judge cares: which verifier (operator) says what of which figure."""

    figure: Figure
    valid: bool
    operator: int


def payable(
    rule: PolicyRule, receipt: Figure, verdicts: Iterable[Opinion], *, attested: bool = False
) -> bool:
    """Whether `receipt`, signed by its provider for metered work, may go into a batch (PROTOCOL section 6).

    - NONE: the receipt alone.
    - ATTESTED, QUORUM: the verdicts, see `confirmed`.
    - TEE: `attested`: its device key has a TEE credential that is good and bound to the agreement.
    """
    if rule.kind == VerificationKind.NONE:
        return True
    if rule.kind == VerificationKind.TEE:
        return attested
    return confirmed(rule, receipt, verdicts)


def confirmed(rule: PolicyRule, figure: Figure, verdicts: Iterable[Opinion]) -> bool:
    """Whether the policy's verifiers vouch for a figure: a lease's downtime needs no more than that, or than the
    provider's own receipt.

    At least `quorum` different operators of the policy's verifiers say valid of exactly this figure. A verifier
    counts once, however many keys or versions it signed with. What says invalid makes nothing payable and takes
    nothing back: it is for a dispute, not for a batch. Under NONE and TEE there are none.
    """
    if not rule.has_verifiers:
        return False
    content = {opinion.operator for opinion in verdicts if opinion.valid and opinion.figure == figure}
    return len(content & rule.verifiers) >= max(rule.quorum, 1)


def rejected(rule: PolicyRule, figure: Figure, verdicts: Iterable[Opinion]) -> bool:
    """Whether a quorum says that only `figure.units` of what stands behind its output are valid: enough to propose it
    to the Court. Under NONE and TEE nobody can."""
    if not rule.has_verifiers:
        return False
    against = {opinion.operator for opinion in verdicts if not opinion.valid and opinion.figure == figure}
    return len(against & rule.verifiers) >= max(rule.quorum, 1)
