"""Money as people write it, and the protocol's arithmetic on it. Always integers, never a float."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .constants import (
    BPS,
    CURRENCY_DECIMALS,
    PRICE_SCALE,
    TALLY_DECIMALS,
    UINT64_MAX,
    UINT128_MAX,
    UINT256_MAX,
)
from .errors import AmountError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHOLE_UNITS: Final = frozenset({"usdc", "tusd", "usd"})
_MICRO_UNITS: Final = frozenset({"µ", "micro", "micros", "µusdc", "µtusd"})
_TALLY_UNITS: Final = frozenset({"tally"})
_WEI_UNITS: Final = frozenset({"wei", "tally-wei"})

_AMOUNT: Final = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+(?:_[0-9]+)*)?(?:\.(?P<fraction>[0-9]+))?"
    r"\s*(?P<unit>[^\W\d_]+(?:-[^\W\d_]+)?)?"
)
_MAX_TEXT: Final = 100


def parse_amount(text: str) -> int:
    """Reads an amount of the currency and returns it in µ.

    Understands `2500 USDC`, `0.5 usdc`, `1_000`, `2,500.25 USDC`, `1 tUSD`, `100 µ` and `100 micro`. A number
    without a unit is in whole units of the currency. A comma only separates thousands.

    Raises:
        AmountError: The text is no amount, negative, of an unknown unit, or has more than 6 decimals.
    """
    return _parse(
        text, _WHOLE_UNITS, _MICRO_UNITS, CURRENCY_DECIMALS, UINT64_MAX, "2500 USDC, 0.5 USDC or 100 µ"
    )


def parse_tally(text: str) -> int:
    """Reads an amount of the token (`1.5 TALLY`, `1_000`, `5 wei`) and returns it in TALLY-wei (18 decimals).

    Raises:
        AmountError: As `parse_amount`.
    """
    return _parse(
        text, _TALLY_UNITS, _WEI_UNITS, TALLY_DECIMALS, UINT128_MAX, "300 TALLY, 1.5 TALLY or 5 wei"
    )


def _parse(
    text: str, whole: frozenset[str], smallest: frozenset[str], decimals: int, limit: int, examples: str
) -> int:
    shown = text if len(text) <= 40 else text[:37] + "..."
    stripped = text.strip()
    match = _AMOUNT.fullmatch(stripped) if len(stripped) <= _MAX_TEXT else None
    digits = match["whole"] if match else None
    fraction = (match["fraction"] if match else None) or ""
    if match is None or (digits is None and not fraction):
        raise AmountError(f"'{shown}' is not an amount; write it like {examples}.")
    if match["sign"] == "-":
        raise AmountError(f"'{shown}' is negative; an amount is zero or more.")
    unit = (match["unit"] or "").replace("\u03bc", "\u00b5").lower().replace("\u03bc", "\u00b5")
    if unit and unit not in whole and unit not in smallest:
        raise AmountError(
            f"'{match['unit']}' in '{shown}' is not a unit known here; write it like {examples}."
        )
    shift = 0 if unit in smallest else decimals
    if len(fraction) > shift:
        if shift == 0:
            raise AmountError(f"'{shown}' splits the smallest unit, which has no fractions.")
        raise AmountError(f"'{shown}' has {len(fraction)} decimals; there are at most {decimals}.")
    value = int((digits or "0").replace(",", "").replace("_", "") + fraction + "0" * (shift - len(fraction)))
    if value > limit:
        raise AmountError(f"'{shown}' is more than the contracts can hold.")
    return value


def format_amount(micro: int, unit: str = "USDC") -> str:
    """Writes µ for people, exactly: 2 500 250 000 becomes `2,500.25 USDC`, 1 becomes `0.000001 USDC`."""
    return _format(micro, CURRENCY_DECIMALS, unit)


def format_tally(wei: int) -> str:
    """Writes TALLY-wei for people, exactly: 1.5e18 becomes `1.5 TALLY`."""
    return _format(wei, TALLY_DECIMALS, "TALLY")


def _format(value: int, decimals: int, unit: str) -> str:
    whole, fraction = divmod(abs(value), 10**decimals)
    tail = f"{fraction:0{decimals}d}".rstrip("0")
    number = f"{'-' if value < 0 else ''}{whole:,}{'.' + tail if tail else ''}"
    return f"{number} {unit}" if unit else number


# The protocol's arithmetic (PROTOCOL section 4, "Rounding")


def price_of(units: int, unit_price: int) -> int:
    """floor(units x unitPrice / 1e6) in µ, before the budget caps it."""
    return units * unit_price // PRICE_SCALE


def gross(units: int, unit_price: int, budget: int) -> int:
    """µ earned by a cumulative figure: min(floor(units x unitPrice / 1e6), budget)."""
    return min(units * unit_price // PRICE_SCALE, budget)


def fee(paid: int, bps: int) -> int:
    """One side's cumulative fee in µ: floor(paid x bps / 1e4). A step costs a difference of two."""
    return paid * bps // BPS


def ceil_bps(amount: int, bps: int) -> int:
    """ceil(amount x bps / 1e4) in µ; a pledge is ceil_bps(budget, coverage)."""
    return -(-amount * bps // BPS)


def locked_for(budget: int, fee_customer: int) -> int:
    """µ that an opening locks: budget + floor(budget x feeCustomer / 1e4)."""
    return budget + fee(budget, fee_customer)


def refund_of(budget: int, paid: int, fee_customer: int) -> int:
    """µ that go back to the funder: locked - paid - floor(paid x feeCustomer / 1e4)."""
    return locked_for(budget, fee_customer) - paid - fee(paid, fee_customer)


def net_of(paid_before: int, paid_after: int, fee_provider: int) -> int:
    """µ that the payee earns by a step: gross less provider's fee, as differences."""
    return (paid_after - paid_before) - (fee(paid_after, fee_provider) - fee(paid_before, fee_provider))


def split_by_weights(total: int, weights: Sequence[int]) -> list[int]:
    """floor(total x w / W) per weight, in µ; what rounding leaves stays undistributed."""
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise AmountError("A split needs weights that are not negative and not all zero.")
    return [total * weight // whole for weight in weights]


def split_fees(total: int, insurance_bps: int, treasury_bps: int) -> tuple[int, int, int]:
    """(dividends, insurance, treasury) in µ of the fees `total`: two are floored, dividends get the rest."""
    insurance, treasury = fee(total, insurance_bps), fee(total, treasury_bps)
    return total - insurance - treasury, insurance, treasury


# Leases (PROTOCOL section 4): the clock counts, `unit_price` is µ per 1e6 seconds


def funded_until(start: int, budget: int, unit_price: int) -> int:
    """The second at which a lease's money runs out: start + floor(budget x 1e6 / unitPrice)."""
    return start + budget * PRICE_SCALE // unit_price


def payable_seconds(horizon: int, end: int, start: int, downtime: int) -> int:
    """Whole seconds served up to the horizon: max(0, min(horizon, end) - start - downtime)."""
    return max(0, min(horizon, end) - start - downtime)


def lease_gross(seconds: int, unit_price: int, budget: int) -> int:
    """µ for so many seconds served: min(floor(seconds x unitPrice / 1e6), budget)."""
    return gross(seconds, unit_price, budget)


def burn_until(now: int, money: int, rates: Sequence[tuple[int, int]]) -> int:
    """When `money` µ run out at the rates (unitPrice, customer fee in bps) together, rounded down.

    UINT256_MAX when nothing burns.
    """
    burn = sum(unit_price * (BPS + bps) for unit_price, bps in rates)
    return now + money * PRICE_SCALE * BPS // burn if burn else UINT256_MAX


def share_due(received: int, weight: int, weights: int, paid: int) -> int:
    """µ that a member of a split may pull: floor(received x w / W) - paid before."""
    return received * weight // weights - paid
