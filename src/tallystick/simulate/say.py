"""Amounts as the tables write them: whole µ and TALLY-wei shortened for people, never rounded up."""

from __future__ import annotations

from tallystick.protocol.amounts import format_amount
from tallystick.protocol.constants import MICRO, TALLY

__all__ = ["dollars", "exactly", "millis", "percent", "tally"]


def dollars(micro: int, decimals: int = 0) -> str:
    """µ as whole dollars, or with some decimals, cut off: 1 234 567 890 -> `1,234`."""
    return _cut(micro, MICRO, decimals)


def exactly(micro: int) -> str:
    """µ as dollars, to the last µ, without zeros at the end: 1 500 001 -> `1.500001`."""
    return format_amount(micro, "")


def tally(wei: int, decimals: int = 0) -> str:
    """TALLY-wei as whole TALLY, or with some decimals, cut off."""
    return _cut(wei, TALLY, decimals)


def millis(rate: int) -> str:
    """TALLY-wei a µ as TALLY a dollar, exactly: 10e12 -> `10`."""
    whole, rest = divmod(rate, TALLY // MICRO)
    tail = f"{rest:012d}".rstrip("0")
    return f"{whole:,}{'.' + tail if tail else ''}"


def percent(part: int, whole: int, decimals: int = 2) -> str:
    """A share in per cent, cut off."""
    return _cut(part * 100 * 10**decimals // whole if whole else 0, 10**decimals, decimals) + " %"


def _cut(value: int, unit: int, decimals: int) -> str:
    scaled = abs(value) * 10**decimals // unit
    sign = "-" if value < 0 and scaled else ""
    whole, rest = divmod(scaled, 10**decimals)
    return f"{sign}{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
