"""Statements: what happened to an account, a line each, as CSV that accountants and spreadsheets read.

A row comes from an event, or is reckoned at a moment (income that grows by the second, told at the end of each
week); it always stands in one unit, and its amount is a whole number. Behind it stand the running figures after it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.event_types import Place
from tallystick.chain.node import Node
from tallystick.protocol.constants import DAY, WEEK

__all__ = ["MICRO", "TALLY_WEI", "Row", "Span", "block_times", "marks", "to_csv"]

MICRO: Final = "micro"
"""µ of the currency; `parse_amount` reads it."""
TALLY_WEI: Final = "tally-wei"
"""1e-18 TALLY; `parse_tally` reads it."""

_FOREVER: Final = 1 << 63
_AT_ONCE: Final = 100  # blocks in one exchange
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Row:
    """One line. `place` None: reckoned at `time`. `figures`: the running figures after it, by column."""

    time: int
    place: Place | None
    kind: str
    account: str
    unit: str
    amount: int
    to: str = ""
    member: str = ""
    figures: Mapping[str, int] = field(default_factory=dict)

    def cells(self) -> dict[str, str | int]:
        """The row by column."""
        time = datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        where: dict[str, str | int] = {"block": "", "transaction": "", "log_index": ""}
        if self.place is not None:
            place = self.place
            where = {"block": place.block, "transaction": place.transaction, "log_index": place.log_index}
        rest = {"kind": self.kind, "account": self.account, "member": self.member, "to": self.to}
        return {"time": time, **where, **rest, "unit": self.unit, "amount": self.amount, **self.figures}


@dataclass(frozen=True)
class Span:
    """Seconds: events from `start` on and before `end`, and what was earned between the two."""

    start: int = 0
    end: int = _FOREVER

    @classmethod
    def of_days(cls, first: str | None, last: str | None) -> Span:
        """Whole days (UTC), both included; None is open. Raises OperatorRefusal."""
        start = 0 if first is None else _midnight(first, "--from")
        end = _FOREVER if last is None else _midnight(last, "--to") + DAY
        if end <= start:
            raise OperatorRefusal("bad_value", f"the statement would end ({last}) before it begins ({first})")
        return cls(start, end)

    def holds(self, row: Row) -> bool:
        """Whether a row belongs to it: what is reckoned at a moment is of the time before."""
        if row.place is None:
            return self.start < row.time <= self.end
        return self.start <= row.time < self.end


def marks(span: Span, first: int, last: int) -> list[int]:
    """The moments at which income is told, rising: each week's end, and the span's two ends, in (first, last]."""
    weeks = range((first // WEEK + 1) * WEEK, last + 1, WEEK)
    return sorted({at for at in (*weeks, span.start, span.end, last) if first < at <= last})


def block_times(node: Node, blocks: Iterable[int]) -> dict[int, int]:
    """Unix times of blocks, by number."""
    wanted = sorted(set(blocks))
    times: dict[int, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        answers = node.batch([("eth_getBlockByNumber", [hex(block), False]) for block in part])
        times.update((block, int(found["timestamp"], 16)) for block, found in zip(part, answers, strict=True))
    return times


def to_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The rows under a header, RFC 4180. No cell begins with what a spreadsheet takes for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        cells = row.cells()
        writer.writerow([_harmless(cells[column]) for column in columns])
    return text.getvalue()


def _harmless(cell: str | int) -> str | int:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _midnight(day: str, where: str) -> int:
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise OperatorRefusal("bad_value", f"{where} takes a day like 2026-12-31, not {day!r}") from None
