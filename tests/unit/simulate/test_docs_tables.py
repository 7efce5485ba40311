"""docs/economics.md: its tables of the bound, of washing and of the whale are what the model and the formulas say.

Those of the three courses take a run of 104 weeks, and are checked by hand when they are renewed.
"""

from fractions import Fraction
from pathlib import Path

from tallystick.protocol.constants import EMISSION_DAILY_FEES, EMISSION_HALVING, EMISSION_RATE, MICRO, TALLY
from tallystick.simulate import oracle
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.wash import wash
from tallystick.simulate.whale import whale

PAGE = Path(__file__).resolve().parents[3] / "docs" / "economics.md"


def rows_under(head: str) -> list[list[str]]:
    """The cells of the table whose head line begins with `head`, without dollar signs."""
    lines = PAGE.read_text("utf-8").splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith(head))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().removesuffix(" $") for cell in line.strip("|").split("|")])
    return rows


def number(cell: str, scale: int = 1) -> int:
    """A cell as a whole number of 1 / scale."""
    value = Fraction(cell.replace(" ", "")) * scale
    assert value.denominator == 1
    return int(value)


def test_bound__each_tranche__is_the_formula() -> None:
    rows = rows_under("| F from | TALLY per $ | pays above")
    cases = [(Fraction(0), 0), (Fraction(1, 2), 0), (Fraction(1), 0), (Fraction(0), 2), (Fraction(1), 2)]
    for tranche, (start, rate, *prices) in enumerate(rows):
        assert number(start, MICRO) == tranche * EMISSION_HALVING
        reward = oracle.emission(EMISSION_RATE, EMISSION_HALVING, tranche * EMISSION_HALVING, MICRO)
        assert number(rate, TALLY) == reward
        costs = [oracle.net_cost(MICRO, share, Fraction(tenths, 10)) for share, tenths in cases]
        assert [number(price, MICRO) for price in prices] == [cost * TALLY / reward for cost in costs]
    assert len(rows) == 4


def test_schedule__each_tranche__is_the_formula() -> None:
    rows = rows_under("| F from | TALLY a dollar of fees")
    for tranche, (start, rate, whole, day) in enumerate(rows):
        first = tranche * EMISSION_HALVING
        sums = [
            oracle.emission(EMISSION_RATE, EMISSION_HALVING, first, fees)
            for fees in (MICRO, EMISSION_HALVING, EMISSION_DAILY_FEES)
        ]
        assert number(start, MICRO) == first
        assert [number(cell, TALLY) for cell in (rate, whole, day)] == sums
    assert len(rows) == 5


def test_washing__table__is_of_a_run_with_the_defaults() -> None:
    figures = wash(SimulateOptions()).figures
    prices = ("30000", "50000", "70000", "100000", "150000")
    for share, lost, simulated, formula, *left in rows_under("| s | lost $"):
        place = number(share.removesuffix(" %")) // 10
        row, profit = figures["sweep"][place], figures["profit"][place]
        assert abs(number(lost, MICRO) - row["lost"]) <= 3
        assert abs(number(simulated, MICRO) - row["break_even"]) <= 1
        assert abs(number(formula, MICRO) - row["break_even_by_formula"]) <= 1
        for cell, price in zip(left, prices, strict=True):
            assert abs(number(cell, MICRO) - profit[price]) <= 3
    text = " ".join(PAGE.read_text("utf-8").split())
    for day, words in ((8, "311 110"), (28, "1 866 665")):
        assert figures["vested_by_day"][day - 1] // TALLY == number(words)
        assert words in text
    assert figures["crossing"]["sweep"][0]["break_even"] == 155_555
    assert figures["crossing"]["honest_reward"] == 9_000_000 * TALLY
    assert "9 000 000 TALLY instead of 10 000 000" in text


def test_whale__table__is_of_a_run_with_the_defaults() -> None:
    visits = whale(SimulateOptions()).figures["visits"]
    rows = rows_under("| staked | seconds")
    assert [number(row[1]) for row in rows] == [visit["seconds"] for visit in visits]
    assert [number(row[2], MICRO) for row in rows] == [visit["earned"] for visit in visits]
