"""How many rows came when: a histogram whose range nobody knows beforehand."""

from __future__ import annotations

from datetime import UTC, datetime

from tallystick.sources.base import Rejected, Row

__all__ = ["Bins"]

#: Seconds above this are since 1970, below since the start of the trace.
_CALENDAR = 500_000_000


class Bins:
    """Counts accepted and rejected rows over the trace's own time, or over row numbers where it has none.

    Bins are `width` seconds (or rows) wide; whenever there would be more than `most`, they become twice as wide.
    Times may come in any order. A row without a time, as rejected ones are, counts where the row before it was.
    """

    def __init__(self, most: int = 96) -> None:
        self.width = 1
        self.timed: bool | None = None
        self._most = most
        self._counts: dict[int, list[int]] = {}
        self._last = 0
        self._waiting = 0

    def add(self, row: Row | Rejected, accepted: bool) -> None:
        """Counts one row; `accepted` may be false for a row that its source took."""
        began = row.began if isinstance(row, Row) else None
        if self.timed is None:
            if isinstance(row, Rejected):
                self._waiting += 1
                return
            # The first usable row decides what the axis is.
            self.timed = began is not None
            self._last = began if began is not None else 0
            waiting, self._waiting = self._waiting, 0
            for earlier in range(waiting):
                self._count(self._last if self.timed else earlier, False)
        if self.timed:
            self._last = began if began is not None else self._last
        else:
            self._last = row.index
        self._count(self._last, accepted)

    def _count(self, at: int, accepted: bool) -> None:
        self._counts.setdefault(at // self.width, [0, 0])[0 if accepted else 1] += 1
        while max(self._counts) - min(self._counts) >= self._most:
            self.width *= 2
            wider: dict[int, list[int]] = {}
            for index, (good, bad) in self._counts.items():
                pair = wider.setdefault(index // 2, [0, 0])
                pair[0] += good
                pair[1] += bad
            self._counts = wider

    @property
    def series(self) -> tuple[list[int], list[int]]:
        """(accepted, rejected) of every bin from the first to the last, empty ones included."""
        if not self._counts:
            return ([], []) if not self._waiting else ([0], [self._waiting])
        every = range(min(self._counts), max(self._counts) + 1)
        pairs = [self._counts.get(index, [0, 0]) for index in every]
        return [good for good, _ in pairs], [bad for _, bad in pairs]

    def label(self, bin_number: int) -> str:
        """What the axis says where bin `bin_number` (from 0) begins."""
        at = (min(self._counts, default=0) + bin_number) * self.width
        if not self.timed:
            return f"row {at}"
        if at > _CALENDAR:
            return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
        return f"second {at}"
