"""docs/pricing.md is right: each of its figures is computed anew, by fractions and by the package's arithmetic.

What this file knows of prices it knows from the document alone and from `fractions`; `tallystick.protocol.amounts` is
then held against both. So a wrong digit in the document and a wrong rounding in the package fail here alike.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil, floor
from pathlib import Path
from typing import Final

import pytest

from tallystick.protocol import amounts

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "pricing.md"
LABEL: Final = 11  # columns that the name of a worked line takes
MILLION: Final = 1_000_000
PRICED: Final = ("mode", "unitPrice", "budget", "maxBudget", "start", "expiry")
FIELDS: Final = frozenset((*PRICED, "maxFeeProvider", "maxFeeCustomer", "payee", "operator"))
RECIPES: Final = (
    "Per task",
    "Per unit: tokens and samples",
    "Per second",
    "Per started minute",
    "Per hour",
    "Per tick, as blocks are",
    "Weighted by GPU",
    "Without fees",
    "A gang of providers, and whoever puts the parts together",
    "An aggregator and its source network",
    "Dropping a member that failed",
)


# Reading the document


@dataclass(frozen=True)
class Section:
    """One heading's worked lines and `Terms`, in order."""

    heading: str
    worked: tuple[tuple[str, str, int], ...]
    terms: tuple[dict[str, str], ...]


def _number(text: str) -> int:
    """Reads `1 203 441`."""
    assert re.fullmatch(r"\d{1,3}( \d{3})*", text), f"'{text}' is no number in groups of three"
    return int(text.replace(" ", ""))


def _blocks(text: str) -> Iterator[list[str]]:
    for block in re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield block.splitlines()


@cache
def _sections() -> dict[str, Section]:
    found = {}
    for part in re.split(r"^#{2,3} ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading = part.splitlines()[0]
        worked: list[tuple[str, str, int]] = []
        terms: list[dict[str, str]] = []
        for block in _blocks(part):
            names = [line.split(maxsplit=1)[0] for line in block]
            if {"mode", "unitPrice"} <= {*names}:
                terms.append(
                    {name: line.split(maxsplit=1)[1] for name, line in zip(names, block, strict=True)}
                )
            elif heading != "The arithmetic":  # formulas with names, not figures
                worked += _worked(block)
        found[heading] = Section(heading, tuple(worked), tuple(terms))
    return found


def _worked(block: list[str]) -> Iterator[tuple[str, str, int]]:
    for line in block:
        if line.startswith("due = "):  # the formula of splits, in words
            continue
        expression, equals, value = line[LABEL:].rpartition(" = ")
        assert equals, f"this line of a grey block shows no arithmetic: {line}"
        assert line[LABEL - 1] == " ", f"the name of this line is too long: {line}"
        yield line[:LABEL].strip(), expression, _number(value)


def _fraction(expression: str) -> Fraction:
    """What an expression comes to: whole numbers, + - x /, floor, ceil and min, exactly."""
    plain = re.sub(r"(?<=\d) (?=\d{3}\b)", "", expression).replace(" x ", " * ")
    return _value(ast.parse(plain, mode="eval").body)


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left) + _value(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left) - _value(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left) * _value(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value(left) / _value(right)
        case ast.Call(func=ast.Name(id="floor"), args=[inner]):
            return Fraction(floor(_value(inner)))
        case ast.Call(func=ast.Name(id="ceil"), args=[inner]):
            return Fraction(ceil(_value(inner)))
        case ast.Call(func=ast.Name(id="min"), args=[first, second]):
            return min(_value(first), _value(second))
    raise AssertionError(f"no arithmetic that this test knows: {ast.unparse(node)}")


def _shown(section: str, label: str) -> list[int]:
    """The values of the lines `label` in `section`, in order."""
    return [value for name, _, value in _sections()[section].worked if name == label]


def _prices(section: str) -> set[tuple[int, int]]:
    """(unitPrice, budget) of each of the section's `Terms`."""
    return {(_number(terms["unitPrice"]), _number(terms["budget"])) for terms in _sections()[section].terms}


# The document


def test_recipes__each_way_to_charge__has_its_terms_and_a_worked_example() -> None:
    for heading in RECIPES:
        section = _sections().get(heading)
        assert section is not None, f"docs/pricing.md has no recipe '{heading}'"
        assert section.terms, f"'{heading}' shows no Terms"
        assert len(section.worked) >= 3, f"'{heading}' has hardly an example"


def test_worked_lines__all_of_them__come_to_what_they_say() -> None:
    lines = [(one.heading, line) for one in _sections().values() for line in one.worked]
    assert len(lines) > 100
    for heading, (label, expression, value) in lines:
        assert _fraction(expression) == value, f"{heading}, {label}: {expression} is not {value}"


def test_terms__each_block__could_be_opened() -> None:
    """The bounds of `Escrow.open`: 56 bits, a budget that maxBudget allows, at most 400 days."""
    for section in _sections().values():
        for terms in section.terms:
            assert terms.keys() <= FIELDS, f"{section.heading}: {terms.keys() - FIELDS}"
            assert terms["mode"] in ("METERED", "LEASE")
            price, budget, most = (_number(terms[name]) for name in ("unitPrice", "budget", "maxBudget"))
            assert 0 < price < 2**56, section.heading
            assert 0 < budget <= most < 2**56, section.heading
            assert terms["start"] == "S"
            assert 0 < _number(terms["expiry"].removeprefix("S + ")) <= 400 * 86_400, section.heading


def test_terms__fixed_price_tasks__can_be_paid_whole_and_no_more() -> None:
    """A whole of 1 000 000 units comes to the budget exactly."""
    tasks = [*_sections()["Per task"].terms, *_sections()["Dropping a member that failed"].terms]
    assert len(tasks) == 3
    for terms in tasks:
        assert amounts.gross(MILLION, _number(terms["unitPrice"]), 2**56) == _number(terms["budget"])


# The package against the document


@dataclass(frozen=True)
class Case:
    """Cumulative units (or payable seconds) of one example, and what the document says of it."""

    section: str
    units: int
    price: int
    budget: int
    paid: int
    provider_bps: int = 500
    customer_bps: int = 0
    net: int | None = None
    refund: int | None = None


CASES: Final = (
    Case("Per task", 1_000_000, 100_000_000, 100_000_000, 100_000_000, net=95_000_000, refund=0),
    Case("Per task", 730_000, 100_000_000, 100_000_000, 73_000_000, net=69_350_000, refund=27_000_000),
    Case("Per task", 333_333, 99_999_999, 99_999_999, 33_333_299),
    Case("Per task", 17_000_000, 100_000_000, 4_000_000_000, 1_700_000_000),
    Case(
        "Per unit: tokens and samples", 1_203_441, 600_000, 10_000_000, 722_064, net=685_961, refund=9_277_936
    ),
    Case("Per unit: tokens and samples", 812_345 + 4 * 97_774, 150_000, 10_000_000, 180_516),
    Case("Per unit: tokens and samples", 137, 20_000_000_000, 5_000_000, 2_740_000),
    Case("Per unit: tokens and samples", 999, 1_000, 5_000_000, 0),
    Case("Per unit: tokens and samples", 1_000, 1_000, 5_000_000, 1),
    Case("Per unit: tokens and samples", 123_456_789, 1_000, 5_000_000, 123_456),
    Case("Per second", 1_000, 100_000_000, 8_640_000, 100_000, provider_bps=2_000, net=80_000),
    Case("Per second", 53_600, 100_000_000, 8_640_000, 5_360_000, refund=3_280_000),
    Case("Per second", 50_000, 100_000_000, 5_000_050, 5_000_000, refund=50),
    Case("Per second", 86_400, 691_666_667, 59_760_001, 59_760_000),
    Case("Per second", 85_800, 691_666_667, 59_760_001, 59_345_000),
    Case("Per second", 40_800, 691_666_667, 119_520_001, 28_220_000),
    Case("Per started minute", 62, 41_500_000_000, 20_000_000, 2_573_000),
    Case("Per started minute", 3_661, 691_666_667, 20_000_000, 2_532_191),
    Case("Per started minute", 4, 41_500_000_000, 20_000_000, 166_000),
    Case("Per hour", 25, 2_490_000_000_000, 62_250_000, 62_250_000, net=59_137_500),
    Case("Per tick, as blocks are", 7_200, 1_000_000_000, 7_200_000, 7_200_000),
    Case("Per tick, as blocks are", 86_407, 83_333_334, 8_000_000, 7_200_583),
    Case("Weighted by GPU", 3_600, 46_000_000, 165_600, 165_600),
    Case("Weighted by GPU", 1_656_000, 100_000, 1_000_000, 165_600),
    Case("Weighted by GPU", 5_256_000, 100_000, 1_000_000, 525_600),
    Case("Weighted by GPU", 4_248_000, 100_000, 1_000_000, 424_800),
    Case(
        "Without fees",
        730_000,
        100_000_000,
        100_000_000,
        73_000_000,
        provider_bps=0,
        customer_bps=250,
        net=73_000_000,
        refund=27_675_000,
    ),
    Case("Dropping a member that failed", 400_000, 300_000_000, 300_000_000, 120_000_000, net=114_000_000),
    Case("Dropping a member that failed", 1_000_000, 180_000_000, 180_000_000, 180_000_000, net=171_000_000),
    Case("Dropping a member that failed", 39_400, 691_666_667, 59_760_001, 27_251_666),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}: {case.units} at {case.price}")
def test_amounts__each_example__pays_what_the_document_says(case: Case) -> None:
    assert case.paid in _shown(case.section, "gross")
    assert case.paid == min(floor(Fraction(case.units * case.price, MILLION)), case.budget)
    assert amounts.gross(case.units, case.price, case.budget) == case.paid

    provider_fee = floor(Fraction(case.paid * case.provider_bps, 10_000))
    customer_fee = floor(Fraction(case.paid * case.customer_bps, 10_000))
    assert amounts.fee(case.paid, case.provider_bps) == provider_fee
    assert amounts.fee(case.paid, case.customer_bps) == customer_fee
    if case.net is not None:
        assert case.net in _shown(case.section, "net")
        assert amounts.net_of(0, case.paid, case.provider_bps) == case.net == case.paid - provider_fee
    if case.refund is not None:
        assert case.refund in _shown(case.section, "refund")
        locked = case.budget + floor(Fraction(case.budget * case.customer_bps, 10_000))
        assert locked - case.paid - customer_fee == case.refund
        assert amounts.refund_of(case.budget, case.paid, case.customer_bps) == case.refund


def test_amounts__beyond_the_budget__are_capped_at_it() -> None:
    assert _shown("Per unit: tokens and samples", "at the cap") == [5_000_000]
    assert amounts.price_of(260, 20_000_000_000) == 5_200_000
    assert amounts.gross(260, 20_000_000_000, 5_000_000) == 5_000_000
    assert (
        amounts.gross(250, 20_000_000_000, 5_000_000)
        == 5_000_000
        > amounts.gross(249, 20_000_000_000, 5_000_000)
    )


def test_fees__in_twenty_steps_of_19__are_those_of_one_step_of_380() -> None:
    steps = [amounts.fee(19 * k, 500) - amounts.fee(19 * (k - 1), 500) for k in range(1, 21)]
    section = "Per unit: tokens and samples"
    assert steps[:2] == [0, 1] == [*_shown(section, "first"), *_shown(section, "second")]
    assert [sum(steps)] == [19] == _shown(section, "all twenty")
    assert sum(amounts.net_of(19 * (k - 1), 19 * k, 500) for k in range(1, 21)) == 380 - 19


def test_fees__of_the_task__are_shared_as_the_document_says() -> None:
    shown = tuple(_shown("Per task", name)[0] for name in ("dividends", "insurance", "treasury"))
    assert amounts.split_fees(5_000_000, 2_000, 1_000) == shown == (3_500_000, 1_000_000, 500_000)


@pytest.mark.parametrize(
    ("budget", "price", "seconds"),
    [
        (8_640_000, 100_000_000, 86_400),
        (5_000_050, 100_000_000, 50_000),
        (59_760_001, 691_666_667, 86_400),
        (119_520_001, 691_666_667, 172_800),
        (165_600, 46_000_000, 3_600),
    ],
)
def test_lease__funded_seconds__are_the_most_that_the_budget_pays_for(
    budget: int, price: int, seconds: int
) -> None:
    """Not by the formula: the last funded second is the last whose exact price fits into the budget."""
    assert seconds in [*_shown("Per second", "funded"), *_shown("Weighted by GPU", "funded")]
    assert Fraction(seconds * price, MILLION) <= budget < Fraction((seconds + 1) * price, MILLION)
    assert amounts.price_of(seconds, price) <= budget


@pytest.mark.parametrize(("days", "budget"), [(1, 59_760_001), (2, 119_520_001)])
def test_lease__budget_rounded_up__is_the_least_that_funds_the_days(days: int, budget: int) -> None:
    assert budget in _shown("Per second", "budget")
    seconds, price = days * 86_400, 691_666_667
    assert Fraction(seconds * price, MILLION) <= budget
    assert Fraction(seconds * price, MILLION) > budget - 1
    assert amounts.price_of(seconds, price) == days * 24 * 2_490_000


def test_lease__price_of_an_hour__is_exact_only_when_rounded_up() -> None:
    assert _shown("Per second", "an hour") == [2_490_000, 2_489_999]
    assert [amounts.price_of(3_600, price) for price in (691_666_667, 691_666_666)] == [2_490_000, 2_489_999]


def test_pledges__of_the_examples__are_rounded_up() -> None:
    assert _shown("Per task", "pledge") == [amounts.ceil_bps(100_000_000, 1_000)]
    assert _shown("Per second", "pledge") == [amounts.ceil_bps(59_760_001, 1_000)] == [5_976_001]
    more = amounts.ceil_bps(119_520_001, 1_000) - amounts.ceil_bps(59_760_001, 1_000)
    assert _shown("Per second", "pledged") == [more] == [5_976_000]


@pytest.mark.parametrize(
    ("section", "received", "weights", "labels"),
    [
        ("Clusters", 500_500, [700, 300], ["first", "second"]),
        (RECIPES[8], 95_000_000, [8, 8, 4, 1], ["node 1", "node 2", "node 3", "assembler"]),
        (RECIPES[9], 80_000, [9_200, 500, 300], ["provider", "aggregator", "source"]),
        (RECIPES[9], 80_000, [6_900, 2_300, 500, 300], ["provider 1", "provider 2", "aggregator", "source"]),
    ],
)
def test_splits__each_member__is_due_its_floor(
    section: str, received: int, weights: Sequence[int], labels: Sequence[str]
) -> None:
    parts = [_shown(section, label)[0] for label in labels]
    assert parts == [floor(Fraction(received * weight, sum(weights))) for weight in weights]
    assert amounts.split_by_weights(received, weights) == parts
    assert 0 <= received - sum(parts) < len(weights)


def test_splits__pulled_in_two_parts__come_to_the_same() -> None:
    half, whole = (
        amounts.split_by_weights(received, [8, 8, 4, 1])[2] for received in (47_500_000, 95_000_000)
    )
    assert [half] == _shown(RECIPES[8], "half")
    assert [whole - half] == _shown(RECIPES[8], "rest")
    assert [whole] == _shown(RECIPES[8], "node 3")


def test_replace__of_a_gang__pays_out_what_the_customer_paid() -> None:
    """Old split, new split and both fees make the first budget; nobody's part is lost by the change."""
    section = "Dropping a member that failed"
    done = amounts.gross(400_000, 300_000_000, 300_000_000)
    rest = 300_000_000 - done
    assert [rest] == _shown(section, "rest")[:1]
    old = amounts.split_by_weights(amounts.net_of(0, done, 500), [1, 1, 1])
    new = amounts.split_by_weights(amounts.net_of(0, rest, 500), [1, 1, 1])
    assert _shown(section, "each") == [old[0], new[0]] == [38_000_000, 57_000_000]
    assert _shown(section, "node 1") == [old[0] + new[0]]
    assert _shown(section, "node 3") == [old[2]]
    assert sum(old) + sum(new) + amounts.fee(done, 500) + amounts.fee(rest, 500) == 300_000_000


@pytest.mark.parametrize("section", [*RECIPES[:8], RECIPES[10]])
def test_terms__of_each_recipe__are_those_of_an_example(section: str) -> None:
    """No Terms stand without an example that is computed from them."""
    assert _prices(section) <= {(case.price, case.budget) for case in CASES if case.section == section}


def test_bounds__that_the_document_names__are_those_of_56_bits() -> None:
    text = DOCUMENT.read_text("utf-8")
    most = amounts.price_of(1, 2**56 - 1)
    assert f"{most:,}".replace(",", " ") == "72 057 594 037"
    assert "72 057 594 037 µ, 72 057.59 dollars" in text
