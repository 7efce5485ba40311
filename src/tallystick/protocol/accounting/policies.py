"""`PolicyBook`: the append-only book of verification and dispute terms."""

from __future__ import annotations

from typing import Final, NamedTuple

from .. import constants
from ..enums import CredentialKind, VerificationKind
from ..errors import Refused
from .tokens import ZERO_ADDRESS, Address

MASKABLE: Final = sum(1 << kind for kind in CredentialKind if kind != CredentialKind.TEE)
"""Every kind that a policy's masks may ask for: TEE is a device's, and is checked with its receipts."""


class DisputeTerms(NamedTuple):
    """What challenges and disputes cost, take and give, as in `PolicyTypes.sol`."""

    contest_time: int = constants.CONTEST_TIME
    evidence_time: int = constants.EVIDENCE_TIME
    ruling_time: int = constants.RULING_TIME
    appeal_time: int = constants.APPEAL_TIME
    backing_bond: int = constants.BACKING_BOND
    void_penalty: int = constants.VOID_PENALTY
    penalty_cap: int = constants.PENALTY_CAP
    min_bond: int = constants.MIN_BOND
    bond_bps: int = constants.BOND_BPS
    slash_bps: int = constants.SLASH_BPS
    slash_cap: int = 0
    slash_day_cap: int = 0
    reward_bps: int = constants.REWARD_BPS
    accused_bps: int = constants.ACCUSED_BPS
    arbiter_fee: int = constants.ARBITER_FEE
    appeal_fee: int = constants.APPEAL_FEE
    arbiter: Address = ZERO_ADDRESS
    second_arbiter: Address = ZERO_ADDRESS

    @property
    def rounds(self) -> int:
        """Seconds of all rounds together: contest, evidence, both arbiters and the appeal between them."""
        return self.contest_time + self.evidence_time + 2 * self.ruling_time + self.appeal_time


class Policy(NamedTuple):
    """One set of terms as in `PolicyTypes.sol`; the defaults are those of PROTOCOL section 13."""

    kind: VerificationKind
    quorum: int
    relayer: int
    instant_release: bool = True
    funder_waived: bool = False
    coverage_bps: int = constants.COVERAGE_BPS
    stake_multiple: int = constants.STAKE_MULTIPLE
    value_cap: int = constants.VALUE_CAP
    gross_cap: int = 0
    self_post_bond: int = constants.SELF_POST_BOND
    challenge_window: int = constants.CHALLENGE_WINDOW
    self_post_window: int = constants.SELF_POST_WINDOW
    response_window: int = constants.RESPONSE_WINDOW
    notice: int = constants.NOTICE
    report_time: int = constants.REPORT_TIME
    silence: int = constants.SILENCE
    customer_credentials: int = 0
    operator_credentials: int = 0
    issuer: Address = ZERO_ADDRESS
    measurement: bytes = bytes(32)
    verifier_version: int = 0
    min_confidence: int = 0
    dispute: DisputeTerms = DisputeTerms()
    verifiers: tuple[int, ...] = ()

    @property
    def longest_window(self) -> int:
        """Seconds: the greater of challenge and self-post window."""
        return max(self.challenge_window, self.self_post_window)


class PolicyBook:
    """Policies by number, from 1 without gaps."""

    def __init__(
        self,
        admin: Address,
        max_liability: int = constants.MAX_LIABILITY,
        post_grace: int = constants.POST_GRACE,
    ) -> None:
        self.admin = admin
        self.max_liability = max_liability
        self.post_grace = post_grace
        self.policies: list[Policy] = []
        self.retired: set[int] = set()
        self.added: list[int] = []

    def count(self) -> int:
        """How many policies there are."""
        return len(self.policies)

    def get(self, policy: int) -> Policy:
        """The whole policy. Raises Refused PolicyBook_UnknownPolicy."""
        if not 1 <= policy <= len(self.policies):
            raise Refused("PolicyBook_UnknownPolicy", f"There is no policy {policy}.")
        return self.policies[policy - 1]

    def find(self, policy: int) -> Policy | None:
        """The whole policy, or None where the contract's short reads answer with zeros."""
        return self.policies[policy - 1] if 1 <= policy <= len(self.policies) else None

    def is_retired(self, policy: int) -> bool:
        """Whether nothing new opens under it. Raises Refused PolicyBook_UnknownPolicy."""
        self.get(policy)
        return policy in self.retired

    def opening_terms(self, policy: int) -> tuple[bool, int]:
        """(whether it exists and is not retired, coverage in basis points)."""
        found = self.find(policy)
        return (found is not None and policy not in self.retired, found.coverage_bps if found else 0)

    def coverage_of(self, policy: int) -> int:
        """Coverage in basis points, retired or not."""
        found = self.find(policy)
        return found.coverage_bps if found else 0

    def added_at(self, policy: int) -> int:
        """When it was added: a relayer's silence counts from there at the earliest."""
        return self.added[policy - 1]

    def add(self, terms: Policy, *, caller: Address, now: int = 0) -> int:
        """Adds a policy and returns its number. Behind a role."""
        check_role(self.admin, caller)
        fault = fault_of(terms, self.max_liability, self.post_grace)
        if fault:
            raise Refused("PolicyBook_BadPolicy", f"The policy's {fault} does not fit.")
        self.policies.append(terms)
        self.added.append(now)
        return len(self.policies)

    def retire(self, policy: int, *, caller: Address) -> None:
        """Retires a policy: nothing new opens under it. Behind a role."""
        check_role(self.admin, caller)
        self.get(policy)
        if policy in self.retired:
            raise Refused("PolicyBook_AlreadyRetired", f"Policy {policy} is retired already.")
        self.retired.add(policy)


def fault_of(terms: Policy, max_liability: int, post_grace: int = constants.POST_GRACE) -> str | None:
    """Name of the first figure of a policy that does not fit, as `PolicyBook_BadPolicy` names it."""
    verifiers = terms.verifiers
    least, most, quorum = {
        VerificationKind.NONE: (0, 0, range(1)),
        VerificationKind.TEE: (0, 0, range(1)),
        VerificationKind.ATTESTED: (1, 1, range(1, 2)),
        VerificationKind.QUORUM: (1, constants.MAX_VERIFIERS, range(1, len(verifiers) + 1)),
    }[terms.kind]
    masks = terms.customer_credentials | terms.operator_credentials
    rounds = terms.dispute
    liability = terms.longest_window + terms.response_window + rounds.rounds + terms.challenge_window
    checks = [
        (terms.relayer > 0, "relayer"),
        (terms.coverage_bps <= constants.BPS, "coverageBps"),
        (terms.challenge_window > 0, "challengeWindow"),
        (terms.self_post_window > 0, "selfPostWindow"),
        (terms.response_window > 0, "responseWindow"),
        (terms.notice <= max_liability, "notice"),
        (rounds.evidence_time > 0, "evidenceTime"),
        (rounds.ruling_time > 0, "rulingTime"),
        (rounds.appeal_time > 0, "appealTime"),
        (liability <= max_liability, "liability"),
        (rounds.bond_bps <= constants.BPS, "bondBps"),
        (rounds.slash_bps <= constants.BPS, "slashBps"),
        (rounds.reward_bps <= constants.MAX_REWARD_BPS, "rewardBps"),
        (rounds.accused_bps <= constants.BPS, "accusedBps"),
        (rounds.arbiter_fee <= rounds.min_bond, "arbiterFee"),
        (rounds.appeal_fee <= 2 * rounds.min_bond, "appealFee"),
        (terms.report_time + terms.challenge_window <= post_grace + terms.longest_window, "reportTime"),
        (0 < terms.silence <= max_liability, "silence"),
        (masks & ~MASKABLE == 0, "credentials"),
        ((terms.issuer != ZERO_ADDRESS) == (masks != 0 or terms.kind == VerificationKind.TEE), "issuer"),
        (not any(terms.measurement) or terms.kind == VerificationKind.TEE, "measurement"),
        (not verifiers or rounds.contest_time > 0, "contestTime"),
        (terms.min_confidence <= constants.BPS, "minConfidence"),
        (least <= len(verifiers) <= most, "verifiers"),
        (terms.quorum in quorum, "quorum"),
        (all(a < b for a, b in zip((0, *verifiers), verifiers, strict=False)), "verifiers"),
    ]
    return next((name for holds, name in checks if not holds), None)


def check_role(admin: Address, caller: Address) -> None:
    """Raises Refused where AccessManager does: roles are modelled as one admin."""
    if caller != admin:
        raise Refused("AccessManagedUnauthorized", f"{caller} does not have the role.")
