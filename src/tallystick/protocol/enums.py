"""Mirrors of the enums in `contracts/types/`, number by number (a test compares them)."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Mode(IntEnum):
    """How an agreement counts what is owed."""

    METERED = 0
    LEASE = 1


class Status(IntEnum):
    """Where an agreement stands; a number that was never opened has NONE."""

    NONE = 0
    OPEN = 1
    CLOSED = 2


class OpenRefusal(IntEnum):
    """Why `open` left one item out. The contract checks in the order of the numbers."""

    NONE = 0
    DEADLINE_PASSED = 1
    PRICE_IS_ZERO = 2
    BUDGET_OUT_OF_RANGE = 3
    TIMES_OUT_OF_RANGE = 4
    POLICY_NOT_OPEN = 5
    FEE_ABOVE_MAXIMUM = 6
    UNKNOWN_ACCOUNT = 7
    UNKNOWN_OPERATOR = 8
    NONCE_SPENT = 9
    BAD_CUSTOMER_SIGNATURE = 10
    BAD_OPERATOR_SIGNATURE = 11
    CUSTOMER_CREDENTIAL_MISSING = 12
    OPERATOR_CREDENTIAL_MISSING = 13
    NOT_ENOUGH_FUNDS = 14
    NOT_ENOUGH_ALLOWANCE = 15
    NOT_ENOUGH_STAKE = 16


class SkipReason(IntEnum):
    """Why a figure moved less than it says. Everything but CAPPED_AT_BUDGET moved nothing."""

    NONE = 0
    UNKNOWN_AGREEMENT = 1
    CLOSED = 2
    OTHER_POLICY = 3
    NOT_METERED = 4
    FROZEN = 5
    STALE = 6
    ABOVE_DECLARED_VALUE = 7
    VOID = 8
    CAPPED_AT_BUDGET = 9
    NOT_A_LEASE = 10
    HELD = 11
    DOWNTIME_ABOVE_ELAPSED = 12
    ABOVE_BATCH_CAP = 13
    NOT_RELEASABLE = 14
    AHEAD_OF_CLOCK = 15


class CloseReason(IntEnum):
    """Why an agreement was closed."""

    NONE = 0
    EXPIRED = 1
    CLOSED_BY_CUSTOMER = 2
    CLOSED_BY_PROVIDER = 3
    EXHAUSTED = 4
    REPLACED = 5
    RULED = 6


class RefundFault(IntEnum):
    """Why `refundMany` left one agreement out."""

    NONE = 0
    NOT_OPEN = 1
    HELD = 2
    TOO_EARLY = 3


class ClaimSkip(IntEnum):
    """Why `claimFor` left one staker out."""

    NO_PAYOUT = 0
    NOTHING_OWED = 1
    TRANSFER_REFUSED = 2


class CredentialKind(IntEnum):
    """What a credential says; a policy's masks hold 1 << kind."""

    KYC_PROVIDER = 0
    KYC_CUSTOMER = 1
    SANCTIONS = 2
    REGION = 3
    DATA_ONBOARDING = 4
    DATA_LOADING = 5
    DATA_SHARING = 6
    DATA_RESULT_SHARING = 7
    HARDWARE_CLASS = 8
    TEE = 9
    AUDIT = 10


class CredentialFault(IntEnum):
    """Why one credential or revocation of a batch was left out."""

    NONE = 0
    BAD_SIGNATURE = 1
    STALE_NONCE = 2
    EXPIRED = 3
    BAD_BINDING = 4
    ZERO_SUBJECT = 5


class ReceiptFault(IntEnum):
    """What is wrong with one signed receipt of a call."""

    NONE = 0
    UNKNOWN_AGREEMENT = 1
    CLOSED = 2
    FROZEN = 3
    OTHER_POLICY = 4
    NOT_A_LEASE = 5
    OUTSIDE_PERIOD = 6
    NOT_RISING = 7
    NOT_OPERATOR = 8
    BAD_DEVICE_SIGNATURE = 9
    DEVICE_NOT_ATTESTED = 10
    BAD_ACCEPTANCE = 11
    SESSION_NOT_GOOD = 12
    BAD_FUNDER_ACCEPTANCE = 13
    NOT_ENOUGH_VERDICTS = 14
    NOTHING_DUE = 15
    NO_BOND = 16
    NOT_POSTED = 17
    LEAF_VOID = 18


class DisputeKind(IntEnum):
    """Who says that a figure is wrong: somebody (WORK), or the policy's verifiers by their signatures (PROPOSAL)."""

    NONE = 0
    WORK = 1
    PROPOSAL = 2


class DisputeState(IntEnum):
    """Where a dispute stands."""

    NONE = 0
    CONTEST = 1
    EVIDENCE = 2
    RULING = 3
    APPEALABLE = 4
    SECOND = 5
    RULED = 6
    COOLING = 7
    OVER = 8


class Outcome(IntEnum):
    """How a dispute was decided; SILENT: no arbiter ruled, and the published default stands."""

    NONE = 0
    UPHELD = 1
    REJECTED = 2
    SILENT = 3


class BondSource(IntEnum):
    """Where a self-post's bond was taken from, and goes back to."""

    NONE = 0
    FREE = 1
    PLEDGE = 2
    CURRENCY = 3


class LeafEnd(IntEnum):
    """How the challenge of a leaf ended."""

    ANSWERED = 0
    VOID = 1
    MOOT = 2


class VerificationKind(IntEnum):
    """How a receipt becomes payable."""

    NONE = 0
    ATTESTED = 1
    QUORUM = 2
    TEE = 3


class HardwareClass(IntEnum):
    """What a provider's devices are."""

    NONE = 0
    DATA_CENTRE_GPU = 1
    CONSUMER_GPU = 2
    ASIC = 3
    CONSUMER_SOC = 4


class KeyKind(IntEnum):
    """What a key that an operator authorised may sign."""

    DEVICE = 0
    VERIFIER = 1
    SIGNER = 2


class Role(IntFlag):
    """Roles that an operator can take, as bits of a mask."""

    PROVIDER = 1
    VERIFIER = 2
    RELAYER = 4


ROLES_ALL = Role.PROVIDER | Role.VERIFIER | Role.RELAYER
