"""Fees of attempts and replacements: hand-worked, and what holds for all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tallystick.chain.fees import GasFees, first_fees, market_fees, replacement_fees

CAP = 10**12


def test_market_fees__base_fee_and_tip__twice_the_base_and_the_tip() -> None:
    assert market_fees(1_000, 7) == GasFees(2_007, 7)
    assert market_fees(1_000, 0) == GasFees(2_001, 1)


def test_first_fees__above_the_cap__are_the_cap() -> None:
    assert first_fees(GasFees(2_007, 7), 1_500) == GasFees(1_500, 7)
    assert first_fees(GasFees(2_007, 1_900), 1_500) == GasFees(1_500, 1_500)


def test_replacement_fees__quiet_market__ten_percent_more() -> None:
    assert replacement_fees(GasFees(1_000, 101), GasFees(900, 90), CAP) == GasFees(1_100, 112)


def test_replacement_fees__market_rose__its_fees() -> None:
    assert replacement_fees(GasFees(1_000, 100), GasFees(5_000, 200), CAP) == GasFees(5_000, 200)


def test_replacement_fees__far_above_the_market__stays() -> None:
    assert replacement_fees(GasFees(1_000, 100), GasFees(300, 90), CAP) is None


def test_replacement_fees__cap_leaves_less_than_ten_percent__stays() -> None:
    assert replacement_fees(GasFees(1_000, 100), GasFees(5_000, 500), 1_099) is None
    assert replacement_fees(GasFees(1_000, 100), GasFees(5_000, 500), 1_100) == GasFees(1_100, 500)


fees = st.integers(1, 10**12).flatmap(
    lambda max_fee: st.builds(GasFees, st.just(max_fee), st.integers(1, max_fee))
)


@given(fees, fees, st.integers(1, 10**13))
def test_replacement_fees__whatever__a_node_takes_it_and_the_cap_holds(
    old: GasFees, market: GasFees, cap: int
) -> None:
    new = replacement_fees(old, market, cap)
    if new is not None:
        assert new.max_fee * 10 >= old.max_fee * 11
        assert new.priority_fee * 10 >= old.priority_fee * 11
        assert new.priority_fee <= new.max_fee <= cap
        assert new.max_fee <= max(3 * market.max_fee, old.max_fee)
