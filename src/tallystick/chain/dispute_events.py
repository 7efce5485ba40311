"""The events of challenges, disputes and arbiters, as frozen objects; see `event_types`."""

from __future__ import annotations

from tallystick.chain.event_types import Event
from tallystick.protocol.accounting.slashing import RulingOutcome
from tallystick.protocol.enums import Outcome

# Challenges


class ChallengesChallenged(Event, frozen=True):
    batch: int
    index: int
    agreement: int
    challenger: bytes
    relayer: int
    bond: int
    starts_at: int


class ChallengesStarted(Event, frozen=True):
    batch: int
    index: int
    starts_at: int


class ChallengesAnswered(Event, frozen=True):
    batch: int
    index: int
    by: bytes
    bond: int


class ChallengesVoided(Event, frozen=True):
    batch: int
    index: int
    penalty: int
    to_challenger: int


class ChallengesDismissed(Event, frozen=True):
    batch: int
    index: int


class ChallengesEquivocated(Event, frozen=True):
    operator: int
    device: bytes
    agreement: int
    by: bytes
    slashed: int
    to_challenger: int


class ChallengesCredited(Event, frozen=True):
    holder: bytes
    amount: int


class ChallengesCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


# Court


class CourtOpened(Event, frozen=True):
    dispute: int
    agreement: int
    challenger: bytes
    attacked: int
    claimed: int
    output_root: bytes
    bond: int
    reason: int


class CourtProposed(Event, frozen=True):
    dispute: int
    agreement: int
    attacked: int
    valid_units: int
    output_root: bytes
    verifiers: tuple[int, ...]
    bond: int
    reason: int


class CourtContested(Event, frozen=True):
    dispute: int
    by: bytes


class CourtEvidence(Event, frozen=True):
    dispute: int
    by: bytes
    for_challenger: bool
    hash: bytes
    uri: str


class CourtTakenOver(Event, frozen=True):
    dispute: int
    by: bytes
    claimed: int


class CourtBacked(Event, frozen=True):
    dispute: int
    units: int


class CourtRuled(Event, frozen=True):
    dispute: int
    round: int
    arbiter: bytes
    units: int
    appeal_ends: int


class CourtAppealFunded(Event, frozen=True):
    dispute: int
    by: bytes
    for_challenger: bool
    amount: int
    missing: int


class CourtAppealed(Event, frozen=True):
    dispute: int
    for_challenger: bool


class CourtExecuted(Event, frozen=True):
    dispute: int
    agreement: int
    outcome: Outcome
    units: int
    moved: RulingOutcome


class CourtBondLost(Event, frozen=True):
    dispute: int
    bond: int
    fee: int
    other: bytes
    to_other: int
    to_jackpot: int


class CourtBondReturned(Event, frozen=True):
    dispute: int
    to: bytes
    amount: int


class CourtClaimFiled(Event, frozen=True):
    dispute: int
    agreement: int
    loss: int


class CourtCleared(Event, frozen=True):
    dispute: int
    agreement: int
    not_before: int


class CourtCredited(Event, frozen=True):
    holder: bytes
    amount: int


class CourtCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


# JackpotPool


class JackpotPoolCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


class JackpotPoolCredited(Event, frozen=True):
    holder: bytes
    amount: int


class JackpotPoolErrorCommitted(Event, frozen=True):
    round: int
    tester: bytes
    commitment: bytes


class JackpotPoolErrorRevealed(Event, frozen=True):
    round: int
    batch: int
    index: int
    figure: bytes
    output: bytes
    window_end: int
    jackpot: int


class JackpotPoolFlagOpened(Event, frozen=True):
    flag: int
    round: int
    claimants: int


class JackpotPoolFlagSealed(Event, frozen=True):
    flag: int
    round: int
    verifier: int
    holder: bytes
    commitment: bytes
    bond: int


class JackpotPoolFlagSettled(Event, frozen=True):
    flag: int
    round: int
    to_holder: int
    to_pool: int


class JackpotPoolJackpotFunded(Event, frozen=True):
    sender: bytes
    amount: int


class JackpotPoolNoErrorRevealed(Event, frozen=True):
    round: int


class JackpotPoolRoundClosed(Event, frozen=True):
    round: int
    claimants: int
    share: int
    left: int


# Council


class CouncilCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


class CouncilCredited(Event, frozen=True):
    holder: bytes
    amount: int


class CouncilFeesCollected(Event, frozen=True):
    amount: int
    each: int
    carried: int


class CouncilRuling(Event, frozen=True):
    dispute: int
    round: int
    units: int
    signers: int


# Jury


class JuryBlockCaught(Event, frozen=True):
    dispute: int
    round: int
    target: int
    entropy: bytes


class JuryBlockFixed(Event, frozen=True):
    dispute: int
    round: int
    target: int
    day: int


class JuryCreditClaimed(Event, frozen=True):
    holder: bytes
    to: bytes
    amount: int


class JuryCredited(Event, frozen=True):
    holder: bytes
    amount: int


class JuryDeposited(Event, frozen=True):
    juror: bytes
    operator: int
    amount: int
    deposit: int


class JuryDrawBondLost(Event, frozen=True):
    dispute: int
    round: int
    by: bytes
    amount: int


class JuryDrawBondReturned(Event, frozen=True):
    dispute: int
    round: int
    by: bytes
    amount: int


class JuryDrawn(Event, frozen=True):
    dispute: int
    round: int
    jurors: tuple[bytes, ...]


class JuryFeeShared(Event, frozen=True):
    dispute: int
    round: int
    amount: int
    each: int


class JuryFeesTaken(Event, frozen=True):
    amount: int


class JuryLeaving(Event, frozen=True):
    juror: bytes
    leaves_at: int


class JuryLeft(Event, frozen=True):
    juror: bytes
    amount: int


class JuryPenalised(Event, frozen=True):
    dispute: int
    round: int
    juror: bytes
    amount: int


class JurySealed(Event, frozen=True):
    dispute: int
    round: int
    by: bytes
    for_challenger: bool
    seal: bytes
    bond: int


class JurySecretShown(Event, frozen=True):
    dispute: int
    round: int
    by: bytes
    secret: bytes


class JurySettled(Event, frozen=True):
    dispute: int
    round: int
    ruled: bool
    units: int
    paid: int
    each: int
    carried: int


class JuryVoteCommitted(Event, frozen=True):
    dispute: int
    round: int
    juror: bytes
    commitment: bytes


class JuryVoteRevealed(Event, frozen=True):
    dispute: int
    round: int
    juror: bytes
    units: int


class JuryWeighed(Event, frozen=True):
    juror: bytes
    weight: int
