"""What accounts earned as suppliers, out of the events of SupplierRewards alone (docs/events.md), and the statement
of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tallystick.chain.abi import checksum
from tallystick.chain.event_types import Event
from tallystick.chain.statements import MICRO, TALLY_WEI, Row, Span, marks
from tallystick.chain.token_events import (
    SupplierRewardsCheckpointCapped,
    SupplierRewardsCheckpointed,
    SupplierRewardsForfeited,
    SupplierRewardsRewardsClaimed,
    SupplierRewardsRewardShareClaimed,
)
from tallystick.protocol.accounting.rewards import DayGrant, Supplier

__all__ = ["REWARD_COLUMNS", "histories", "reward_rows"]

REWARD_COLUMNS: Final = (
    "time", "block", "transaction", "log_index", "kind", "account", "member", "to", "unit", "amount",
    "fees", "credited", "vested", "claimed",
)  # fmt: skip

_OF_ACCOUNTS: Final = (
    SupplierRewardsCheckpointed,
    SupplierRewardsCheckpointCapped,
    SupplierRewardsForfeited,
    SupplierRewardsRewardsClaimed,
    SupplierRewardsRewardShareClaimed,
)


def histories(events: Iterable[Event]) -> dict[int, Supplier]:
    """Every account's history after all events of SupplierRewards, in the chain's order."""
    found: dict[int, Supplier] = {}
    for event in events:
        if isinstance(event, _OF_ACCOUNTS):
            found[event.account] = _after(found.get(event.account, Supplier()), event)
    return found


def _after(supplier: Supplier, event: Event) -> Supplier:
    match event:
        case SupplierRewardsCheckpointed(day=day, fees=fees, amount=amount):
            supplier.credited += amount
            if supplier.grants and supplier.grants[-1].day == day:
                before = supplier.grants.pop()
                fees, amount = before.fees + fees, before.amount + amount
            supplier.grants.append(DayGrant(day, fees, amount))
        case SupplierRewardsForfeited(fees=fees):
            return supplier.kept(supplier.fees - fees)
        case SupplierRewardsRewardsClaimed(amount=amount) | SupplierRewardsRewardShareClaimed(amount=amount):
            supplier.claimed += amount
    return supplier


def reward_rows(
    events: Sequence[Event],
    times: Mapping[int, int],
    accounts: Collection[int],
    span: Span,
    vesting: int,
    now: int,
) -> list[Row]:
    """The rows of `accounts` in `span`, up to `now` (seconds); of a split they are of all its members together.

    :param events: of SupplierRewards, in the chain's order.
    :param times: of their blocks.
    """
    own = [event for event in events if isinstance(event, _OF_ACCOUNTS) and event.account in accounts]
    if not own:
        return []
    books = {number: _Book(number, vesting) for number in sorted({event.account for event in own})}
    rows: list[Row] = []
    moments = marks(span, times[own[0].place.block], now)

    def mark(time: int) -> None:
        for book in books.values():
            rows.extend(book.mark(time))

    for event in own:
        time = times[event.place.block]
        while moments and moments[0] <= time and moments[0] < now:
            mark(moments.pop(0))
        rows.extend(books[event.account].apply(event, time))
    for moment in moments:
        mark(moment)
    return [row for row in rows if span.holds(row)]


class _Book:
    """One account as the events tell it."""

    def __init__(self, account: int, vesting: int) -> None:
        self._account = account
        self._vesting = vesting
        self._supplier = Supplier()
        self._told = 0  # TALLY-wei vested, in rows

    def mark(self, time: int) -> list[Row]:
        """What has vested since it was told last."""
        vested = self._supplier.vested(self._vesting, time)
        amount, self._told = vested - self._told, vested
        return [self._row(time, None, "vested", TALLY_WEI, amount)] if amount else []

    def apply(self, event: Event, time: int) -> list[Row]:
        """An event of the account, as one or more rows."""
        rows = self.mark(time) if isinstance(event, SupplierRewardsForfeited) else []
        before = self._supplier.vested(self._vesting, time)
        self._supplier = _after(self._supplier, event)
        match event:
            case SupplierRewardsCheckpointed(fees=fees, amount=amount):
                rows.append(self._row(time, event, "counted", MICRO, fees))
                rows.append(self._row(time, event, "credited", TALLY_WEI, amount))
            case SupplierRewardsCheckpointCapped(waiting=waiting):
                rows.append(self._row(time, event, "waiting", MICRO, waiting))
            case SupplierRewardsForfeited(fees=fees, amount=amount):
                rows.append(self._row(time, event, "overturned", MICRO, fees))
                rows.append(self._row(time, event, "forfeited", TALLY_WEI, amount))
                self._told = self._supplier.vested(self._vesting, time)
                if before != self._told:
                    rows.append(self._row(time, event, "unvested", TALLY_WEI, before - self._told))
            case SupplierRewardsRewardsClaimed(to=to, amount=amount):
                rows.append(self._row(time, event, "claimed", TALLY_WEI, amount, to))
            case SupplierRewardsRewardShareClaimed(index=index, to=to, amount=amount):
                rows.append(self._row(time, event, "share-claimed", TALLY_WEI, amount, to, str(index)))
        return rows

    def _row(
        self,
        time: int,
        event: Event | None,
        kind: str,
        unit: str,
        amount: int,
        to: bytes | None = None,
        member: str = "",
    ) -> Row:
        figures = {
            "fees": self._supplier.fees,
            "credited": self._supplier.amount,
            "vested": self._supplier.vested(self._vesting, time),
            "claimed": self._supplier.claimed,
        }
        place, receiver = event.place if event is not None else None, checksum(to) if to is not None else ""
        return Row(time, place, kind, str(self._account), unit, amount, receiver, member, figures)
