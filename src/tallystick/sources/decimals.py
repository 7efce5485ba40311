"""Exact numbers out of text: decimal arithmetic, never a float, half to even; typing errors are refused."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

MAX_UNITS = 2**63 - 1
"""Units above this do not fit the store; the relayer refuses them too (`units_out_of_range`)."""

NOT_A_NUMBER = "units_not_a_number"
BELOW_ONE = "units_below_one"
OUT_OF_RANGE = "units_out_of_range"

# ASCII digits only. `Decimal` alone would also take "1_0", "NaN", "inf" and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BLANKS = " \t\r\n"
_EXPONENT_LIMIT = 10**6


class UnitsError(Exception):
    """A number that cannot be units; `reason` is one of the codes above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_decimal(text: str) -> Decimal:
    """The exact value of `text`: digits, at most one point, an optional sign and exponent, blanks around it.

    Raises UnitsError: `units_not_a_number` for anything else (empty, NaN, inf, 1,000, 1_000, 0x10, other
    scripts); `units_out_of_range` (`units_below_one` when negative) for an exponent above a million, which
    nothing brings back. With an exponent below minus a million it counts as zero.
    """
    stripped = text.strip(_BLANKS)
    if _NUMBER.fullmatch(stripped) is None:
        raise UnitsError(NOT_A_NUMBER)
    mantissa, _, exponent = stripped.lower().partition("e")
    size = exponent.lstrip("+-").lstrip("0")
    if len(size) > 7 or int(size or "0") > _EXPONENT_LIMIT:
        # No mantissa that a field can hold (131 072 characters) brings such a number back into range.
        if exponent.startswith("-") or not mantissa.strip("+-.0"):
            return Decimal(0)
        raise UnitsError(BELOW_ONE if mantissa.startswith("-") else OUT_OF_RANGE)
    return Decimal(stripped)


def add(first: Decimal, second: Decimal) -> Decimal:
    """first + second, exact. Raises UnitsError when the result is too large for units anyway."""
    _check_size(first, second)
    places = max(0, -_exponent(first), -_exponent(second))
    width = max(first.adjusted(), second.adjusted(), 0) + places + 2
    return _exact(width).add(first, second)


def subtract(first: Decimal, second: Decimal) -> Decimal:
    """first - second, exact. Raises UnitsError when an operand is too large for units anyway."""
    return add(first, second.copy_negate())


def multiply(first: Decimal, second: Decimal) -> Decimal:
    """first x second, exact."""
    return _exact(len(first.as_tuple().digits) + len(second.as_tuple().digits) + 1).multiply(first, second)


def to_units(value: Decimal) -> int:
    """`value` rounded half to even. Raises UnitsError outside 1 to 2^63 - 1, judged after rounding."""
    if value.adjusted() > 19 and value > 0:
        raise UnitsError(OUT_OF_RANGE)
    if value.adjusted() < -1 or value <= 0:
        raise UnitsError(BELOW_ONE)
    units = int(value.to_integral_value(rounding=ROUND_HALF_EVEN))
    if units < 1:
        raise UnitsError(BELOW_ONE)
    if units > MAX_UNITS:
        raise UnitsError(OUT_OF_RANGE)
    return units


def _check_size(*values: Decimal) -> None:
    if any(value and value.adjusted() > 1000 for value in values):
        raise UnitsError(OUT_OF_RANGE)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def _exact(digits: int) -> Context:
    return Context(prec=max(digits, 1), Emax=10**9, Emin=-(10**9))
