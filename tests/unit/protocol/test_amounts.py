"""Money as people write it, checked against hand-worked figures and against `decimal`."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.protocol import amounts
from tallystick.protocol.amounts import format_amount, format_tally, parse_amount, parse_tally
from tallystick.protocol.errors import AmountError


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("2500 USDC", 2_500_000_000),
        ("0.5 usdc", 500_000),
        ("1_000", 1_000_000_000),
        ("2,500.25 USDC", 2_500_250_000),
        ("1 tUSD", 1_000_000),
        ("  7.000001USDC  ", 7_000_001),
        (".5", 500_000),
        ("0", 0),
        ("100 µ", 100),
        ("100 \u03bc", 100),  # Greek mu, which keyboards and phones produce
        ("100 micro", 100),
        ("1,234,567 µ", 1_234_567),
        ("18446744073709.551615", 2**64 - 1),
    ],
)
def test_parse_amount__as_people_write__micro(text: str, micro: int) -> None:
    assert parse_amount(text) == micro


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "USDC", "nan", "inf", "1e3", "-1 USDC", "-0", "0.0000001", "1.5 µ", "5 EUR", "5 TALLY",
        "1,00", "12,50 USDC", "1,0000", "1__0", "_1", "1_", "5.", "1 2", "0x10", "1.2.3", "5 USDC now",
        "18446744073709.551616", "9" * 200, "٣ USDC",
    ],
)  # fmt: skip
def test_parse_amount__no_amount__bad_amount_with_a_sentence(text: str) -> None:
    with pytest.raises(AmountError) as caught:
        parse_amount(text)
    assert caught.value.code == "bad_amount"
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 160


def test_parse_amount__european_decimal_comma__refused_rather_than_read_as_thousands() -> None:
    with pytest.raises(AmountError):
        parse_amount("2,5 USDC")


@given(st.integers(0, 2**64 - 1))
def test_format_amount__any_amount__reads_back_and_is_what_decimal_says(micro: int) -> None:
    text = format_amount(micro)
    assert parse_amount(text) == micro
    assert Decimal(text.removesuffix(" USDC").replace(",", "")) == Decimal(micro).scaleb(-6)


def test_format_amount__hand_worked__exact() -> None:
    assert format_amount(2_500_250_000) == "2,500.25 USDC"
    assert format_amount(1) == "0.000001 USDC"
    assert format_amount(-1_500_000, "tUSD") == "-1.5 tUSD"
    assert format_amount(0, "") == "0"


def test_parse_tally__eighteen_decimals__wei() -> None:
    assert parse_tally("300 TALLY") == 300 * 10**18
    assert parse_tally("0.000000000000000001") == 1
    assert parse_tally("5 wei") == 5
    assert format_tally(1_500_000_000_000_000_000) == "1.5 TALLY"
    with pytest.raises(AmountError):
        parse_tally("0.0000000000000000001")
    with pytest.raises(AmountError):
        parse_tally("1 USDC")


def test_fee__increments_of_19_at_500_bps__19_after_twenty() -> None:
    """PROTOCOL section 9, worked numbers."""
    charged = [amounts.fee(19 * (k + 1), 500) - amounts.fee(19 * k, 500) for k in range(20)]
    assert sum(charged) == 19
    assert sum(amounts.net_of(19 * k, 19 * (k + 1), 500) for k in range(20)) == 380 - 19


def test_gross_and_locked__hand_worked__floor_and_cap() -> None:
    assert amounts.gross(1_999_999, 600_000, 10**9) == 1_199_999  # floor(1 199 999.4)
    assert amounts.gross(1, 999_999, 10) == 0
    assert amounts.gross(2**80 - 1, 2**56 - 1, 77) == 77
    assert amounts.locked_for(999, 200) == 999 + 19
    assert amounts.refund_of(999, 500, 200) == 999 + 19 - 500 - 10
    assert amounts.ceil_bps(1, 1) == 1
    assert amounts.ceil_bps(20_000, 1_000) == 2_000
    assert amounts.ceil_bps(20_001, 1_000) == 2_001


def test_splits__worked_numbers_of_the_protocol__exact() -> None:
    assert amounts.split_by_weights(500_500, [700, 300]) == [350_350, 150_150]
    assert amounts.split_by_weights(10, [1, 1, 1]) == [3, 3, 3]
    assert amounts.split_fees(5_000_000, 2_000, 1_000) == (3_500_000, 1_000_000, 500_000)
    assert amounts.split_fees(19, 2_000, 1_000) == (15, 3, 1)
    with pytest.raises(AmountError):
        amounts.split_by_weights(10, [0, 0])


def test_lease__worked_numbers__funded_until_gross_fee_and_net() -> None:
    """SPEC section 9: 100 µ/s, 1 000 s served, 2 000 bps: gross 100 000, fee 20 000, net 80 000."""
    rate = 100_000_000
    assert amounts.funded_until(5_000, 100_000, rate) == 6_000
    assert amounts.funded_until(5_000, 100_099, rate) == 6_000  # rounded down: 99 µ buy no whole second
    gross = amounts.lease_gross(1_000, rate, 100_000)
    assert gross == 100_000
    assert amounts.fee(gross, 2_000) == 20_000
    assert amounts.net_of(0, gross, 2_000) == 80_000
    assert amounts.lease_gross(1_001, rate, 100_000) == 100_000  # the budget caps it
    assert amounts.lease_gross(3, 333_333, 10) == 0  # 0.999999 µ


@pytest.mark.parametrize(
    ("horizon", "seconds"),
    [(0, 0), (100, 0), (130, 0), (131, 1), (200, 70), (10_000, 70)],
)
def test_payable_seconds__start_100_end_200_downtime_30__never_negative_and_ends(
    horizon: int, seconds: int
) -> None:
    assert amounts.payable_seconds(horizon, 200, 100, 30) == seconds


def test_burn_until__two_leases_with_customer_fees__rounded_down() -> None:
    """100 µ/s with 1 % on top and 50 µ/s without: 151 µ a second; 1 000 µ last 6.62 s."""
    rates = [(100_000_000, 100), (50_000_000, 0)]
    assert amounts.burn_until(1_000, 1_000, rates) == 1_006
    assert amounts.burn_until(1_000, 1_057, rates) == 1_007
    assert amounts.burn_until(1_000, 1_000, []) == 2**256 - 1


def test_share_due__split_of_section_9__by_cumulative_weight() -> None:
    """SPEC section 9: 700:300 of 500 500 is 350 350 and 150 150."""
    assert amounts.share_due(500_500, 700, 1_000, 0) == 350_350
    assert amounts.share_due(500_500, 300, 1_000, 0) == 150_150
    assert amounts.share_due(500_501, 700, 1_000, 350_350) == 0  # floor of 350 350.7
