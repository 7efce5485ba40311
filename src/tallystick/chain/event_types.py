"""The contracts' events as frozen objects: `<Contract><Event>`, fields in the ABI's order, in snake case.

Money is µ, times are unix seconds, addresses 20 raw bytes. Of `place`, where a log stands: see `Place`. A
test holds every class against the ABI. Those of challenges, disputes and arbiters are in
`dispute_events`, those of fees, dividends and rewards in `token_events`.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tallystick.protocol.accounting.policies import Policy
from tallystick.protocol.bisection.statement import Statement
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import (
    BondSource,
    CloseReason,
    CredentialFault,
    CredentialKind,
    HardwareClass,
    KeyKind,
    LeafEnd,
    OpenRefusal,
    ReceiptFault,
    RefundFault,
    SkipReason,
)


class Place(NamedTuple):
    """Where a log stands on the chain; hashes as 0x-text."""

    block: int
    block_hash: str
    transaction: str
    log_index: int


class Event(msgspec.Struct, frozen=True):
    """Any event."""

    place: Place


# Directory


class DirectoryDeployed(Event, frozen=True):
    name: bytes
    version: int
    created: bytes
    index: int
    code_hash: bytes


# PolicyBook


class PolicyBookPolicyAdded(Event, frozen=True):
    policy: int
    terms: Policy


class PolicyBookPolicyRetired(Event, frozen=True):
    policy: int


# Staking


class StakingRegistered(Event, frozen=True):
    operator: int
    owner: bytes
    roles: int
    hardware_class: HardwareClass
    region: int
    source: int
    metadata: bytes


class StakingStaked(Event, frozen=True):
    operator: int
    sender: bytes
    amount: int


class StakingThawStarted(Event, frozen=True):
    operator: int
    amount: int
    thawing: int
    thaw_ends: int


class StakingThawCancelled(Event, frozen=True):
    operator: int
    amount: int


class StakingWithdrawn(Event, frozen=True):
    operator: int
    to: bytes
    amount: int


class StakingSlashed(Event, frozen=True):
    operator: int
    reason: int
    from_free: int
    from_thawing: int
    victim: bytes
    to_victim: int
    challenger: bytes
    to_challenger: int
    to_insurance: int


class StakingCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


class StakingKeyAuthorised(Event, frozen=True):
    operator: int
    kind: KeyKind
    key: bytes
    valid_from: int


class StakingKeyRevoked(Event, frozen=True):
    operator: int
    kind: KeyKind
    key: bytes
    revoked_at: int


class StakingSignerThresholdSet(Event, frozen=True):
    operator: int
    threshold: int


class StakingReserved(Event, frozen=True):
    operator: int
    amount: int


class StakingUnreserved(Event, frozen=True):
    operator: int
    amount: int


class StakingForfeited(Event, frozen=True):
    operator: int
    to: bytes
    amount: int


class StakingBondTaken(Event, frozen=True):
    operator: int
    source: BondSource
    amount: int


class StakingBondReturned(Event, frozen=True):
    operator: int
    source: BondSource
    amount: int


class StakingPledgeSlashed(Event, frozen=True):
    operator: int
    reason: int
    pledge: int
    from_pledge: int


class StakingCharged(Event, frozen=True):
    operator: int
    victim: bytes
    recovered: int
    fee_to: bytes
    fee: int
    from_pledge: int
    from_free: int
    from_thawing: int


class StakingResigned(Event, frozen=True):
    operator: int


class StakingReleaseConsentSet(Event, frozen=True):
    operator: int
    account: int
    allowed: bool


class StakingSourceRegistered(Event, frozen=True):
    source: int
    owner: bytes
    fee_recipient: bytes
    metadata: bytes


class StakingSourceRecipientSet(Event, frozen=True):
    source: int
    fee_recipient: bytes


class StakingSurplusRecovered(Event, frozen=True):
    token: bytes
    to: bytes
    amount: int


# Escrow


class EscrowAccountCreated(Event, frozen=True):
    account: int
    owner: bytes


class EscrowDeposited(Event, frozen=True):
    account: int
    sender: bytes
    amount: int


class EscrowDepositedFor(Event, frozen=True):
    account: int
    sender: bytes
    amount: int
    ref: bytes


class EscrowWithdrawn(Event, frozen=True):
    account: int
    to: bytes
    amount: int


class EscrowClaimed(Event, frozen=True):
    account: int
    to: bytes
    amount: int


class EscrowAllowanceSet(Event, frozen=True):
    funder: int
    customer: int
    policy: int
    amount: int
    ref: bytes


class EscrowAllowanceRevoked(Event, frozen=True):
    funder: int
    customer: int
    policy: int
    sequence: int


class EscrowOpened(Event, frozen=True):
    """`fees`: provider's basis points << 16 | customer's, as frozen for the agreement."""

    agreement: int
    fees: int
    start: int
    terms: Terms

    @property
    def fee_provider(self) -> int:
        """Basis points."""
        return self.fees >> 16

    @property
    def fee_customer(self) -> int:
        """Basis points."""
        return self.fees & 0xFFFF


class EscrowOpenRefused(Event, frozen=True):
    index: int
    terms_hash: bytes
    reason: OpenRefusal


class EscrowNoncesSpent(Event, frozen=True):
    signer: bytes
    word: int
    mask: int


class EscrowSettled(Event, frozen=True):
    agreement: int
    paid: int


class EscrowFigureSkipped(Event, frozen=True):
    agreement: int
    units: int
    reason: SkipReason


class EscrowCloseRequested(Event, frozen=True):
    agreement: int
    stop_at: int
    reason: CloseReason


class EscrowClosed(Event, frozen=True):
    agreement: int
    paid: int
    refunded: int
    reason: CloseReason


class EscrowPledgeStuck(Event, frozen=True):
    agreement: int


class EscrowPledgeReleased(Event, frozen=True):
    agreement: int
    amount: int


class EscrowFeesSet(Event, frozen=True):
    provider: int
    customer: int


class EscrowFeesCollected(Event, frozen=True):
    amount: int


class EscrowSplitCreated(Event, frozen=True):
    account: int
    content: bytes
    members: tuple[bytes, ...]
    weights: tuple[int, ...]


class EscrowShareClaimed(Event, frozen=True):
    account: int
    index: int
    to: bytes
    amount: int


class EscrowToppedUp(Event, frozen=True):
    agreement: int
    budget: int


class EscrowReplaced(Event, frozen=True):
    old: int
    agreement: int
    carried: int


class EscrowBegun(Event, frozen=True):
    agreement: int
    device: bytes
    start: int


class EscrowDowntimeSet(Event, frozen=True):
    agreement: int
    downtime: int


class EscrowSettledByRelease(Event, frozen=True):
    agreement: int
    paid: int


class EscrowReleaseFinalised(Event, frozen=True):
    agreement: int
    fees: int
    good: bool


class EscrowRefundSkipped(Event, frozen=True):
    agreement: int
    reason: RefundFault


class EscrowRefundFloorRaised(Event, frozen=True):
    policy: int
    until: int


class EscrowOpeningPaused(Event, frozen=True):
    until: int


class EscrowOpeningResumed(Event, frozen=True):
    pass


class EscrowFrozen(Event, frozen=True):
    agreement: int


class EscrowUnfrozen(Event, frozen=True):
    agreement: int


class EscrowRefundDelayed(Event, frozen=True):
    agreement: int
    not_before: int


class EscrowDowntimeForgiven(Event, frozen=True):
    agreement: int
    forgiven: int


class EscrowFeesOverturned(Event, frozen=True):
    agreement: int
    account: int
    fees: int


class EscrowSurplusRecovered(Event, frozen=True):
    token: bytes
    to: bytes
    amount: int


# ReceiptLedger


class ReceiptLedgerBatchPosted(Event, frozen=True):
    batch: int
    policy: int
    relayer: int
    leaves: int
    value: int
    root: bytes
    figures_hash: bytes


class ReceiptLedgerBatchSettled(Event, frozen=True):
    batch: int
    moved: int


class ReceiptLedgerBatchRetired(Event, frozen=True):
    batch: int
    value: int


class ReceiptLedgerCollected(Event, frozen=True):
    agreement: int
    units: int
    gross: int


class ReceiptLedgerReceiptRefused(Event, frozen=True):
    index: int
    agreement: int
    reason: ReceiptFault


class ReceiptLedgerSelfPosted(Event, frozen=True):
    batch: int
    operator: int
    agreement: int
    bond: int


class ReceiptLedgerBondReturned(Event, frozen=True):
    batch: int
    operator: int
    bond: int


class ReceiptLedgerReleased(Event, frozen=True):
    batch: int
    index: int
    agreement: int
    amount: int
    fees: int


class ReceiptLedgerReleaseRefused(Event, frozen=True):
    item: int
    batch: int
    index: int
    reason: SkipReason


class ReceiptLedgerReleaseFinalised(Event, frozen=True):
    batch: int
    index: int


class ReceiptLedgerReleaseAnswered(Event, frozen=True):
    batch: int
    index: int


class ReceiptLedgerMadeGood(Event, frozen=True):
    batch: int
    index: int
    victim: bytes
    amount: int


class ReceiptLedgerBatchCancelled(Event, frozen=True):
    batch: int
    cancelled_at: int


class ReceiptLedgerRecovered(Event, frozen=True):
    agreement: int
    victim: bytes
    amount: int


class ReceiptLedgerLeafBlocked(Event, frozen=True):
    batch: int
    index: int
    agreement: int


class ReceiptLedgerLeafUnblocked(Event, frozen=True):
    batch: int
    index: int
    end: LeafEnd


class ReceiptLedgerRecoveryDue(Event, frozen=True):
    agreement: int
    due: int


class ReceiptLedgerPostingPaused(Event, frozen=True):
    until: int


class ReceiptLedgerPostingResumed(Event, frozen=True):
    pass


# Credentials, SessionKeys


class CredentialsCredentialPosted(Event, frozen=True):
    issuer: bytes
    subject: bytes
    kind: CredentialKind
    binding: bytes
    value: bytes
    valid_from: int
    expires_at: int
    nonce: int


class CredentialsCredentialRevoked(Event, frozen=True):
    issuer: bytes
    subject: bytes
    kind: CredentialKind
    binding: bytes
    revoked_at: int
    nonce: int


class CredentialsCredentialRefused(Event, frozen=True):
    index: int
    issuer: bytes
    reason: CredentialFault


class SessionKeysSessionGranted(Event, frozen=True):
    account: int
    key: bytes
    expires_at: int
    listed: bool
    total: int


class SessionKeysSessionListed(Event, frozen=True):
    account: int
    key: bytes
    agreement: int


class SessionKeysSessionRevoked(Event, frozen=True):
    account: int
    key: bytes
    revoked_at: int


class SessionKeysSessionSpent(Event, frozen=True):
    account: int
    key: bytes
    spent: int


# InsurancePool


class InsurancePoolClaimCapped(Event, frozen=True):
    agreement: int
    operator: int
    amount: int


class InsurancePoolClaimFiled(Event, frozen=True):
    agreement: int
    operator: int
    victim: bytes
    loss: int


class InsurancePoolClaimGranted(Event, frozen=True):
    agreement: int
    operator: int
    amount: int


class InsurancePoolClaimPaid(Event, frozen=True):
    agreement: int
    victim: bytes
    amount: int


class InsurancePoolClaimRefused(Event, frozen=True):
    agreement: int
    operator: int
    victim: bytes
    loss: int


class InsurancePoolCountSkipped(Event, frozen=True):
    agreement: int


class InsurancePoolCounted(Event, frozen=True):
    agreement: int
    operator: int
    fees: int
    cover: int


class InsurancePoolCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


class InsurancePoolEpochBegan(Event, frozen=True):
    day: int
    amount: int


class InsurancePoolFeesReceived(Event, frozen=True):
    amount: int


class InsurancePoolSlashesReceived(Event, frozen=True):
    amount: int


# BisectionReferee


class BisectionRefereeRegistered(Event, frozen=True):
    agreement: int
    work_hash: bytes


class BisectionRefereePlayerAppointed(Event, frozen=True):
    principal: bytes
    player: bytes


class BisectionRefereeGameOpened(Event, frozen=True):
    dispute: int
    round: int
    challenger: bytes
    solver: bytes
    challenger_left: int
    solver_left: int


class BisectionRefereeStated(Event, frozen=True):
    dispute: int
    statement: Statement


class BisectionRefereeQueried(Event, frozen=True):
    dispute: int
    low: int
    high: int
    index: int


class BisectionRefereeAnswered(Event, frozen=True):
    dispute: int
    index: int
    state: bytes


class BisectionRefereeOperationExecuted(Event, frozen=True):
    dispute: int
    operation: int
    instruction: bytes
    found: bytes
    stated: bytes


class BisectionRefereeGameDecided(Event, frozen=True):
    dispute: int
    winner: int
    how: int
    rounds: int


class BisectionRefereeFeePassedOn(Event, frozen=True):
    dispute: int
    round: int
    to: bytes
    amount: int


class BisectionRefereeCredited(Event, frozen=True):
    holder: bytes
    amount: int


class BisectionRefereeCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int
