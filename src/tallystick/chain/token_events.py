"""The events of fees, dividends and suppliers' rewards, as frozen objects; see `event_types`.

Fees and dividends are µ; stakes and rewards are TALLY-wei.
"""

from __future__ import annotations

from tallystick.chain.event_types import Event
from tallystick.protocol.enums import ClaimSkip

# FeeSplitter


class FeeSplitterFeesSplit(Event, frozen=True):
    amount: int
    dividends: int
    insurance: int
    treasury: int


class FeeSplitterSharesSet(Event, frozen=True):
    dividends_bps: int
    insurance_bps: int
    treasury_bps: int


class FeeSplitterPulled(Event, frozen=True):
    recipient: bytes
    amount: int


class FeeSplitterTreasurySet(Event, frozen=True):
    treasury: bytes


# DividendVault


class DividendVaultStaked(Event, frozen=True):
    staker: bytes
    amount: int


class DividendVaultExitStarted(Event, frozen=True):
    staker: bytes
    amount: int
    unlocks_at: int


class DividendVaultWithdrawn(Event, frozen=True):
    staker: bytes
    to: bytes
    amount: int


class DividendVaultClaimed(Event, frozen=True):
    staker: bytes
    to: bytes
    amount: int


class DividendVaultFeesReceived(Event, frozen=True):
    week: int
    amount: int


class DividendVaultCarried(Event, frozen=True):
    week: int
    amount: int


class DividendVaultPayoutSet(Event, frozen=True):
    """`payout` zero: nowhere."""

    staker: bytes
    payout: bytes


class DividendVaultClaimSkipped(Event, frozen=True):
    staker: bytes
    reason: ClaimSkip


# SupplierRewards: fees in µ, amounts in TALLY-wei, days are unix time / 86 400


class SupplierRewardsCheckpointed(Event, frozen=True):
    account: int
    day: int
    fees: int
    amount: int


class SupplierRewardsCheckpointCapped(Event, frozen=True):
    account: int
    day: int
    waiting: int


class SupplierRewardsForfeited(Event, frozen=True):
    account: int
    fees: int
    amount: int


class SupplierRewardsRewardsClaimed(Event, frozen=True):
    account: int
    to: bytes
    amount: int


class SupplierRewardsRewardShareClaimed(Event, frozen=True):
    account: int
    index: int
    to: bytes
    amount: int


class SupplierRewardsRateLowered(Event, frozen=True):
    """TALLY-wei a µ."""

    rate: int
