"""A holder's statement of the dividend vault, out of the vault's events alone (docs/events.md). Pure.

What a stake earns hangs on everybody's stakes and on the fees, so every event of the vault is gone through; the
rows are the holder's own, and the fees that arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tallystick.chain.abi import checksum
from tallystick.chain.event_types import Event
from tallystick.chain.statements import MICRO, TALLY_WEI, Row, Span, marks
from tallystick.chain.token_events import (
    DividendVaultClaimed,
    DividendVaultExitStarted,
    DividendVaultFeesReceived,
    DividendVaultPayoutSet,
    DividendVaultStaked,
    DividendVaultWithdrawn,
)
from tallystick.protocol.accounting.dividends import Staker, Stream
from tallystick.protocol.constants import ACCUMULATOR_SCALE

__all__ = ["DIVIDEND_COLUMNS", "dividend_rows"]

DIVIDEND_COLUMNS: Final = (
    "time", "block", "transaction", "log_index", "kind", "account", "to", "unit", "amount",
    "staked", "leaving", "earned", "claimed",
)  # fmt: skip


def dividend_rows(
    events: Sequence[Event], times: Mapping[int, int], holder: bytes, span: Span, now: int
) -> list[Row]:
    """The rows of `holder` in `span`, up to `now` (seconds).

    :param events: all of the vault, in the chain's order.
    :param times: of their blocks.
    """
    if not events:
        return []
    book = _Book(holder, times[events[0].place.block])
    moments = marks(span, book.stream.updated_at, now)
    for event in events:
        time = times[event.place.block]
        while moments and moments[0] <= time and moments[0] < now:
            book.mark(moments.pop(0))
        book.advance(time)
        book.apply(event, time)
    for moment in moments:
        book.mark(moment)
    return [row for row in book.rows if span.holds(row)]


class _Book:
    """The vault as its events tell it, and the holder's rows so far."""

    def __init__(self, holder: bytes, start: int) -> None:
        self.holder = holder
        self.stream = Stream(start)
        self.rows: list[Row] = []
        self._all = 0  # TALLY-wei that earn
        self._own = Staker()  # `owed` is never paid down here: it is what was ever earned
        self._told = 0  # µ of it in rows

    def advance(self, time: int) -> None:
        """Streams up to `time`."""
        self.stream.advance(self._all, time)

    def mark(self, time: int) -> None:
        """Tells what was earned since it was told last."""
        self.advance(time)
        earned = self._earned()
        if earned != self._told:
            amount, self._told = earned - self._told, earned
            self._row(time, None, "earned", MICRO, amount)

    def apply(self, event: Event, time: int) -> None:
        """One event of the vault."""
        match event:
            case DividendVaultFeesReceived(amount=amount):
                self.stream.next_week += amount
                self._row(time, event, "fees-received", MICRO, amount, account="")
            case DividendVaultStaked(staker=staker, amount=amount):
                self._restake(staker, amount)
                if staker == self.holder:
                    self._row(time, event, "staked", TALLY_WEI, amount)
            case DividendVaultExitStarted(staker=staker, amount=amount):
                self._restake(staker, -amount)
                if staker == self.holder:
                    self._own.exiting += amount
                    self._row(time, event, "exit-started", TALLY_WEI, amount)
            case DividendVaultWithdrawn(staker=staker, to=to, amount=amount) if staker == self.holder:
                self._own.exiting = 0
                self._row(time, event, "withdrawn", TALLY_WEI, amount, to)
            case DividendVaultClaimed(staker=staker, to=to, amount=amount) if staker == self.holder:
                self._own.claimed += amount
                self._row(time, event, "claimed", MICRO, amount, to)
            case DividendVaultPayoutSet(staker=staker, payout=payout) if staker == self.holder:
                self._row(time, event, "payout-set", MICRO, 0, payout)

    def _restake(self, staker: bytes, change: int) -> None:
        self._all += change
        if staker == self.holder:
            self._own.owed = self._own.owed_at(self.stream.accumulator)
            self._own.seen = self.stream.accumulator
            self._own.staked += change

    def _earned(self) -> int:
        return self._own.owed_at(self.stream.accumulator) // ACCUMULATOR_SCALE

    def _row(
        self,
        time: int,
        event: Event | None,
        kind: str,
        unit: str,
        amount: int,
        to: bytes | None = None,
        account: str | None = None,
    ) -> None:
        figures = {
            "staked": self._own.staked,
            "leaving": self._own.exiting,
            "earned": self._earned(),
            "claimed": self._own.claimed,
        }
        whose = checksum(self.holder) if account is None else account
        place, receiver = event.place if event is not None else None, checksum(to) if to is not None else ""
        self.rows.append(Row(time, place, kind, whose, unit, amount, receiver, figures=figures))
