"""The first pass: which row belongs to which agreement, what each will have earned, and how large its budget
is.

Pure: rows in, numbers out. The second pass (`play`) walks the same rows through a `Tally` of its own, so both
passes decide by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from eth_hash.auto import keccak

from tallystick.protocol.amounts import fee, gross
from tallystick.replay.bins import Bins
from tallystick.sources.base import Rejected, Row

__all__ = [
    "MAX_BUDGET",
    "MAX_UNITS",
    "Commitments",
    "Rejection",
    "Step",
    "Survey",
    "Tally",
    "customer_of_row",
    "output_root",
    "slot_of_row",
    "survey",
]

#: The relayer keeps units as signed 64-bit integers.
MAX_UNITS = 2**63 - 1
#: A budget is a uint56 of µ.
MAX_BUDGET = 2**56 - 1


def customer_of_row(row: int, customers: int) -> int:
    """Whose row `row` (from 0, rejected ones count) is: row mod C."""
    return row % customers


def slot_of_row(row: int, customers: int, providers: int) -> int:
    """Which agreement row `row` (from 0) belongs to: customer row mod C, provider (row div C) mod P.

    Returns:
        customer * P + provider.
    """
    return customer_of_row(row, customers) * providers + (row // customers) % providers


def output_root(line: int, units: int) -> bytes:
    """What a receipt of the replay commits to: the line of the trace, and the units that it used.

    A real provider commits to the work's output here; a trace has none.
    """
    return keccak(b"tallystick replay" + line.to_bytes(8, "big") + units.to_bytes(10, "big"))


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that nobody is paid for; `line` is 1-based in the file."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One accepted row: agreement `slot` has now used `total` units, and this row's output is `root`."""

    slot: int
    line: int
    total: int
    root: bytes


class Tally:
    """Cumulative units per agreement while the rows go by."""

    def __init__(self, customers: int, providers: int, unit_price: int) -> None:
        self._customers = customers
        self._providers = providers
        self._price = unit_price
        self._most = min(MAX_UNITS, ((MAX_BUDGET + 1) * 1_000_000 - 1) // unit_price)
        self.units: list[int] = [0] * (customers * providers)

    def take(self, row: Row | Rejected) -> Step | Rejection:
        """Adds a row's units to its agreement.

        Refused without a change, besides what the source refused: `units_out_of_range` when the agreement's
        sum would leave what a relayer keeps, `over_budget` when its gross would leave what a budget can hold.
        """
        if isinstance(row, Rejected):
            return Rejection(row.line, row.reason)
        slot = slot_of_row(row.index, self._customers, self._providers)
        total = self.units[slot] + row.units
        if total > self._most:
            return Rejection(row.line, "units_out_of_range" if total > MAX_UNITS else "over_budget")
        self.units[slot] = total
        return Step(slot, row.line, total, output_root(row.line, row.units))


class Commitments(Protocol):
    """What the stage is set for: who agrees with whom, and how much money stands behind each agreement."""

    @property
    def customers(self) -> int: ...
    @property
    def providers(self) -> int: ...
    @property
    def fee_bps(self) -> int: ...
    def commitments(self) -> Iterator[tuple[int, int, int]]:
        """(customer, provider, budget in µ) of every agreement, in the order in which they are opened."""


@dataclass(slots=True)
class Survey:
    """What the first pass found. Lists are by slot (customer * P + provider); money is µ."""

    customers: int
    providers: int
    unit_price: int
    fee_bps: int
    units: list[int]
    receipts: list[int]
    newest: list[Step | None]
    accepted: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    bins: Bins = field(default_factory=Bins)

    def gross(self, slot: int) -> int:
        """µ that the agreement will have paid: floor(units x price / 1e6), PROTOCOL.md section 4."""
        return gross(self.units[slot], self.unit_price, MAX_BUDGET)

    def fee(self, slot: int) -> int:
        """µ of the provider's fee on that: floor(gross x bps / 1e4)."""
        return fee(self.gross(slot), self.fee_bps)

    def budget(self, slot: int) -> int:
        """µ to lock: what will be paid, and 1 µ where that is nothing, because an agreement needs a budget to
        open."""
        return max(1, self.gross(slot))

    @property
    def used(self) -> list[int]:
        """Slots with at least one accepted row, in order of customer, then provider."""
        return [slot for slot, count in enumerate(self.receipts) if count]

    def commitments(self) -> Iterator[tuple[int, int, int]]:
        """(customer, provider, budget) of every agreement, in the order in which they are opened."""
        for slot in range(len(self.units)):
            customer, provider = divmod(slot, self.providers)
            yield customer, provider, self.budget(slot)

    def reasons(self) -> dict[str, int]:
        """How many rows were rejected for which reason, the most frequent first."""
        counts: dict[str, int] = {}
        for rejection in self.rejected:
            counts[rejection.reason] = counts.get(rejection.reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def survey(
    rows: Iterable[Row | Rejected],
    *,
    customers: int,
    providers: int,
    unit_price: int,
    fee_bps: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Survey:
    """Reads every row once.

    Args:
        rows: the trace.
        progress: called now and then with the number of rows read.
    """
    size = customers * providers
    tally = Tally(customers, providers, unit_price)
    found = Survey(customers, providers, unit_price, fee_bps, tally.units, [0] * size, [None] * size)
    done = 0
    for row in rows:
        step = tally.take(row)
        if isinstance(step, Rejection):
            found.rejected.append(step)
        else:
            found.accepted += 1
            found.receipts[step.slot] += 1
            found.newest[step.slot] = step
        found.bins.add(row, isinstance(step, Step))
        done += 1
        if done % 1000 == 0:
            progress(done)
    progress(done)
    return found
