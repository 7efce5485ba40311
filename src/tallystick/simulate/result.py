"""What a scenario comes to: its figures for the JSON, its words, tables and drawings for people, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tallystick.protocol.errors import InvariantBroken
from tallystick.protocol.model import Model

__all__ = ["Check", "Drawing", "Result", "Series", "Table", "at_most", "equal", "invariants_hold", "near"]


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold. `expected` is worked out apart from the model, `found` is what the model says."""

    name: str
    ok: bool
    expected: int | str
    found: int | str
    says: str

    def to_json(self) -> dict[str, Any]:
        """As `checks` of the report has it."""
        return {
            "name": self.name,
            "ok": self.ok,
            "expected": self.expected,
            "found": self.found,
            "says": self.says,
        }


def equal(name: str, expected: int, found: int, says: str) -> Check:
    """Both are the same."""
    return Check(name, expected == found, expected, found, says)


def near(name: str, expected: int, found: int, says: str, *, within: int = 1) -> Check:
    """They differ by the rounding at most."""
    return Check(name, abs(expected - found) <= within, expected, found, f"{says}, to {within}")


def at_most(name: str, bound: int, found: int, says: str) -> Check:
    """It is not above the bound."""
    return Check(name, found <= bound, f"at most {bound}", found, says)


def invariants_hold(name: str, model: Model) -> Check:
    """Every invariant of the protocol, on the model as the scenario left it."""
    try:
        found = f"all {len(model.check_invariants())} hold"
        broken = False
    except InvariantBroken as error:
        found, broken = error.message, True
    return Check(
        f"{name}.invariants", not broken, "all hold", found, "the model's invariants hold at the end"
    )


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: a name, values in the chart's unit, and the colour's class."""

    name: str
    values: Sequence[int]
    kind: str
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart. `unit` says what `values` are in, and `scale` how many of them make one of it; `xs` are the labels
    of the points, `across` is what they count."""

    title: str
    series: Sequence[Series]
    across: str
    xs: Sequence[str]
    unit: str
    scale: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first column is on the left. `narrow`: the columns that a terminal shows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    narrow: Sequence[int] = ()

    def columns(self) -> Sequence[int]:
        """Places of the columns that a terminal shows."""
        return self.narrow or range(len(self.head))


@dataclass(slots=True)
class Result:
    """One scenario, played."""

    name: str
    title: str
    figures: dict[str, Any]
    story: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all its checks hold."""
        return all(check.ok for check in self.checks)
