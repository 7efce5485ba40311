"""Whether a receipt carries the signatures that a path asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..enums import CredentialKind, KeyKind, ReceiptFault, Role, Status, VerificationKind
from .agreements import Escrow
from .batches import Batch, Bond, Recovery, Release, SignedReceipt, SignedVerdict
from .credentials import Credentials
from .policies import Policy, PolicyBook
from .records import Parties
from .sessions import UNLIMITED, SessionKeys
from .staking import Staking
from .tokens import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(kw_only=True)
class ReceiptChecks:
    """What the ledger keeps, and its checks. None of them refuses a whole call for what one receipt says."""

    address: Address
    admin: Address
    court: Address
    challenges: Address
    escrow: Escrow
    staking: Staking
    policy_book: PolicyBook
    credentials: Credentials
    sessions: SessionKeys
    max_pause: int
    batches: dict[int, Batch] = field(default_factory=dict)
    nonces: dict[tuple[int, int], int] = field(default_factory=dict)
    last_posts: dict[int, int] = field(default_factory=dict)
    """When the relayer of a policy posted last."""
    flying: dict[int, int] = field(default_factory=dict)
    releases: dict[tuple[int, int], Release] = field(default_factory=dict)
    bonds: dict[int, Bond] = field(default_factory=dict)
    cancels: dict[int, list[int]] = field(default_factory=dict)
    recoveries: dict[int, Recovery] = field(default_factory=dict)
    made_good: dict[tuple[int, int], int] = field(default_factory=dict)
    """µ of releases that nothing stood behind, and went to funders, by leaf."""
    recovered: int = 0
    """µ of reservations that went to funders after rulings; only the invariants read these two."""
    paused_until: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """(began, ended or ends) of every pause; only the invariants read it."""

    def fault_of(self, item: SignedReceipt, *, now: int) -> ReceiptFault:
        """Whether a receipt carries full signatures now."""
        return self._check_full(item, self.escrow.parties_of(item.receipt.agreement), now, now)

    def pledge_bonds(self, agreement: int) -> int:
        """µ of an agreement's pledge that are reserved as bonds."""
        taken = [bond for bond in self.bonds.values() if bond.agreement == agreement]
        return sum(bond.amount for bond in taken if bond.source.name == "PLEDGE")

    def _check_full(self, item: SignedReceipt, parties: Parties, time: int, now: int) -> ReceiptFault:
        """Full signatures, judged by what was valid at `time`.

        A session key for up to a total does not count: what moves is known only when it is settled.
        """
        fault = self._check_device(item, parties, time, now)
        if fault:
            return fault
        if item.acceptance is not None:
            fault, most = self._check_acceptance(item, parties, time)
            return fault or (ReceiptFault.NONE if most == UNLIMITED else ReceiptFault.SESSION_NOT_GOOD)
        good = self._has_verdicts(item, self.policy_book.get(parties.policy), time, now)
        return ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS

    def _check_period(self, item: SignedReceipt, parties: Parties, now: int) -> ReceiptFault:
        """Open, and the period lies within the agreement's life and is over."""
        if parties.status == Status.NONE:
            return ReceiptFault.UNKNOWN_AGREEMENT
        if parties.status != Status.OPEN:
            return ReceiptFault.CLOSED
        _, _, start, end, *_ = item.receipt
        inside = parties.start <= start < end <= min(now, parties.end)
        return ReceiptFault.NONE if inside else ReceiptFault.OUTSIDE_PERIOD

    def _check_device(self, item: SignedReceipt, parties: Parties, time: int, now: int) -> ReceiptFault:
        fault = self._check_period(item, parties, now)
        if fault:
            return fault
        if not self._is_device(item, parties, time):
            return ReceiptFault.BAD_DEVICE_SIGNATURE
        policy = self.policy_book.get(parties.policy)
        attested = policy.kind != VerificationKind.TEE or self.credentials.is_valid_as(
            policy.issuer,
            CredentialKind.TEE,
            item.device,
            item.receipt.agreement.to_bytes(32, "big"),
            policy.measurement,
            time,
        )
        # A lease's device was checked at its beginning; its receipts can only lower the bill.
        return ReceiptFault.NONE if attested or parties.mode else ReceiptFault.DEVICE_NOT_ATTESTED

    def _is_device(self, item: SignedReceipt, parties: Parties, time: int) -> bool:
        known = self.staking.is_key_valid(parties.operator, KeyKind.DEVICE, item.device, time)
        return item.device != ZERO_ADDRESS and known

    def _check_acceptance(self, item: SignedReceipt, parties: Parties, time: int) -> tuple[ReceiptFault, int]:
        """(fault, µ of gross that may move by it)."""
        wanted = item.session_key
        most = UNLIMITED
        if wanted == ZERO_ADDRESS:
            wanted = self.escrow.owner_of(parties.customer)
        if item.acceptance != wanted:
            return ReceiptFault.BAD_ACCEPTANCE, 0
        if item.session_key != ZERO_ADDRESS:
            most = self.sessions.acceptable(parties.customer, item.session_key, item.receipt.agreement, time)
            if most == 0:
                return ReceiptFault.SESSION_NOT_GOOD, 0
        waived = parties.funder == parties.customer or self.policy_book.get(parties.policy).funder_waived
        if not waived and item.funder_acceptance != self.escrow.owner_of(parties.funder):
            return ReceiptFault.BAD_FUNDER_ACCEPTANCE, 0
        return ReceiptFault.NONE, most

    def _has_verdicts(self, item: SignedReceipt, policy: Policy, time: int, now: int) -> bool:
        """Whether the policy's quorum says "valid"; nothing is asked for under NONE and TEE."""
        return bool(self._quorum(item.verdicts, policy, time, now)) if policy.quorum else not item.verdicts

    def _quorum(self, verdicts: Sequence[SignedVerdict], policy: Policy, time: int, now: int) -> list[int]:
        """The first listed, active verifiers, each once, rising, that make a quorum; none when too few."""
        if len(verdicts) > len(policy.verifiers):
            return []
        last = 0
        good: list[int] = []
        for verdict in verdicts:
            last, before = max(last, verdict.verifier), last
            if verdict.verifier <= before or verdict.verifier not in policy.verifiers:
                continue
            if verdict.version < policy.verifier_version or verdict.confidence < policy.min_confidence:
                continue
            key_holds = self.staking.is_key_valid(verdict.verifier, KeyKind.VERIFIER, verdict.key, time)
            # Who was active at an earlier time is not known, and its key must be enough then.
            if key_holds and (time < now or self.staking.is_active(verdict.verifier, Role.VERIFIER)):
                good.append(verdict.verifier)
        return good[: policy.quorum] if len(good) >= policy.quorum else []
