"""Whether a receipt may be paid, by the agreement's policy. Pure; the on-chain twin checks a self-post."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tallystick.protocol.enums import VerificationKind


class PolicyRule(NamedTuple):
    """What a policy demands. `verifiers`: operators whose verdicts count."""

    policy: int
    kind: int
    quorum: int
    verifiers: frozenset[int]


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


def payable(rule: PolicyRule, receipt: Figure, verdicts: Iterable[Opinion]) -> bool:
    """Whether `receipt`, signed by its provider, may go into a batch (PROTOCOL section 6).

    - NONE: the receipt alone.
    - ATTESTED, QUORUM: at least `quorum` different operators of the policy's verifiers say valid of exactly
      this figure. A verifier counts once, however many keys or versions it signed with. What says invalid
      makes nothing payable and takes nothing back: it is for a dispute, not for a batch.
    - TEE: never yet; that needs the key's credential, which this version does not read.
    """
    if rule.kind == VerificationKind.NONE:
        return True
    if rule.kind not in (VerificationKind.ATTESTED, VerificationKind.QUORUM):
        return False
    content = {opinion.operator for opinion in verdicts if opinion.valid and opinion.figure == receipt}
    return len(content & rule.verifiers) >= max(rule.quorum, 1)
