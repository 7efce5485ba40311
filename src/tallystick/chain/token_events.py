"""The events of rewards, as frozen objects; see `event_types`. Rewards are TALLY-wei, fees µ."""

from __future__ import annotations

from tallystick.chain.event_types import Event

# SupplierRewards


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
    rate: int
