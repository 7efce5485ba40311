"""What must come out, worked out apart from the model, in whole numbers and fractions."""

from __future__ import annotations

from fractions import Fraction

from tallystick.protocol.constants import BPS, DIVIDENDS_BPS, INSURANCE_BPS, TALLY, TREASURY_BPS, WEEK

__all__ = ["break_even", "dividends_of", "emission", "net_cost", "streamed"]


def emission(rate: int, halving: int, start: int, fees: int) -> int:
    """TALLY-wei of fees number `start` to `start + fees - 1`: what all up to the end earn, less what all before do."""
    return _up_to(rate, halving, start + fees) - _up_to(rate, halving, start)


def _up_to(rate: int, halving: int, fees: int) -> int:
    whole, rest = divmod(fees, halving)
    whole = min(whole, rate.bit_length())  # of later tranches a fee earns nothing
    full = sum(rate // (1 << tranche) for tranche in range(whole)) * halving
    return full + rest * (rate // (1 << whole))


def dividends_of(fees: int) -> int:
    """µ of so many fees that stakers get: the rest after floors for insurance and treasury."""
    return fees - fees * INSURANCE_BPS // BPS - fees * TREASURY_BPS // BPS


def net_cost(fees: int, share: Fraction, recovered: Fraction = Fraction(0)) -> Fraction:
    """µ that fees paid to oneself cost whoever owns `share` of the stake and recovers that part from insurance."""
    return fees * (1 - Fraction(DIVIDENDS_BPS, BPS) * share - recovered)


def break_even(fees: int, share: Fraction, reward: int) -> int:
    """Whole µ a TALLY, above which fees paid to oneself that bring `reward` TALLY-wei leave a gain. Rounded down."""
    return int(net_cost(fees, share) * TALLY // reward)


def streamed(stream: int, start: int, end: int) -> int:
    """µ of a week's stream that flow from second `start` to second `end` of the week."""
    return stream * end // WEEK - stream * start // WEEK
