"""What every source of usage yields, and the one method that a source has."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tallystick.sources.decimals import multiply


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job asked of one node: `gpus` of its GPUs, and `share` milli-GPU of each; exact as written."""

    gpus: Decimal
    share: Decimal

    @property
    def power(self) -> Decimal:
        """Milli-GPU in all: gpus x share, exact."""
        return multiply(self.gpus, self.share)


@dataclass(frozen=True, slots=True)
class Row:
    """One usable data row.

    `index` counts data rows from 0, rejected ones too; `line` is where the row starts in the file, from 1,
    the header being line 1; `units` is from 1 to 2^63 - 1. `began` and `ended` are whole seconds, rounded
    down, on the clock of the source (since 1970 for Azure traces, since the start of the trace for openb);
    None where the source does not say. `demand` is known for openb alone.
    """

    index: int
    line: int
    units: int
    began: int | None = None
    ended: int | None = None
    demand: Demand | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One data row that cannot be charged: `index` and `line` as in `Row`, `reason` a stable code."""

    index: int
    line: int
    reason: str


class Source(Protocol):
    """Yields usage in the order in which it was recorded; iterating again starts again."""

    def __iter__(self) -> Iterator[Row | Rejected]: ...
