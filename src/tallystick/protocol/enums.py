"""Mirrors of the enums in `contracts/types/DataTypes.sol`, number by number (a test compares them)."""

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
    UNSUPPORTED_MODE = 2
    PRICE_IS_ZERO = 3
    BUDGET_OUT_OF_RANGE = 4
    TIMES_OUT_OF_RANGE = 5
    POLICY_NOT_OPEN = 6
    FEE_ABOVE_MAXIMUM = 7
    UNKNOWN_ACCOUNT = 8
    UNKNOWN_OPERATOR = 9
    NONCE_SPENT = 10
    BAD_CUSTOMER_SIGNATURE = 11
    BAD_OPERATOR_SIGNATURE = 12
    NOT_ENOUGH_FUNDS = 13
    NOT_ENOUGH_ALLOWANCE = 14
    NOT_ENOUGH_STAKE = 15


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


class CloseReason(IntEnum):
    """Why an agreement was closed."""

    NONE = 0
    EXPIRED = 1
    CLOSED_BY_CUSTOMER = 2
    CLOSED_BY_PROVIDER = 3


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
