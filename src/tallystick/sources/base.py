"""What every source of usage yields, and the one method that a source has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """One usable data row.

    `index` counts data rows from 0, rejected ones too; `line` is where the row starts in the file, from 1,
    the header being line 1; `units` is from 1 to 2^63 - 1. `began` and `ended` are whole seconds, rounded
    down, on the clock of the source (since 1970 for Azure traces, since the start of the trace for openb);
    None where the source does not say.
    """

    index: int
    line: int
    units: int
    began: int | None = None
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One data row that cannot be charged: `index` and `line` as in `Row`, `reason` a stable code."""

    index: int
    line: int
    reason: str


class Source(Protocol):
    """Yields usage in the order in which it was recorded; iterating again starts again."""

    def __iter__(self) -> Iterator[Row | Rejected]: ...
