"""What a transaction offers for gas, and when a replacement may offer more. Pure; all in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["FeeLimits", "GasFees", "first_fees", "market_fees", "replacement_fees"]

GWEI: Final = 10**9


class GasFees(NamedTuple):
    """EIP-1559 fees."""

    max_fee: int
    priority_fee: int


@dataclass(frozen=True)
class FeeLimits:
    """How far and how fast fees may rise.

    `cap` is the highest max fee ever offered. A replacement waits for `seconds` of chain time and `blocks`.
    """

    cap: int = 500 * GWEI
    seconds: int = 30
    blocks: int = 2


def market_fees(base_fee: int, tip: int) -> GasFees:
    """What outlasts six full blocks: twice the base fee and the tip (at least 1 wei, so that it can rise)."""
    tip = max(tip, 1)
    return GasFees(2 * base_fee + tip, tip)


def first_fees(market: GasFees, cap: int) -> GasFees:
    """Fees of a first attempt: the market's, at most `cap`."""
    max_fee = min(market.max_fee, cap)
    return GasFees(max_fee, min(market.priority_fee, max_fee))


def replacement_fees(old: GasFees, market: GasFees, cap: int) -> GasFees | None:
    """Fees of a replacement: max(min(max(1.1 x old, market), 3 x market), old), at most `cap`.

    None when that is less than 10 % above `old` in either fee: nodes would refuse it, so the old bytes are
    broadcast again instead. (SERVICE section 3, rule 3.)
    """
    max_fee = min(_raised(old.max_fee, market.max_fee), cap)
    priority_fee = min(_raised(old.priority_fee, market.priority_fee), max_fee)
    if max_fee < _ten_percent_more(old.max_fee) or priority_fee < _ten_percent_more(old.priority_fee):
        return None
    return GasFees(max_fee, priority_fee)


def _raised(old: int, market: int) -> int:
    return max(min(max(_ten_percent_more(old), market), 3 * market), old)


def _ten_percent_more(fee: int) -> int:
    return -(-fee * 11 // 10)
