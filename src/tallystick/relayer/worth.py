"""What a figure that waits would move, and how much of it may go into one batch. Pure."""

from __future__ import annotations

from typing import NamedTuple

from tallystick.protocol.amounts import fee, gross
from tallystick.protocol.constants import PRICE_SCALE
from tallystick.protocol.enums import Mode

__all__ = ["Waiting", "in_time", "useful", "value_of", "within_cap"]


class Waiting(NamedTuple):
    """A figure that waits. `paid` is final gross µ; `committed` the highest units in an unsettled batch.

    `gross_cap`: µ of gross that the agreement may move in one batch, 0: any. Of a lease (`mode`), units are the
    seconds not served, `downtime` those that count already, `start` and `end` the clock's. `period_end` is that of the
    receipt behind it.
    """

    agreement: int
    units: int
    output_root: bytes
    ready_at: int
    unit_price: int
    budget: int
    fee_customer: int
    paid: int
    committed: int
    gross_cap: int = 0
    mode: int = Mode.METERED
    downtime: int = 0
    start: int = 0
    end: int = 0
    period_end: int = 0

    @property
    def before(self) -> int:
        """µ of gross that are paid once the unsettled batches before it have settled."""
        return max(self.paid, gross(self.committed, self.unit_price, self.budget))


def value_of(figure: Waiting) -> int:
    """µ (gross + customer fee) that the figure can move, once the unsettled batches before it have settled.

    Differences of cumulative floors, as `Escrow.settle` computes them (PROTOCOL section 4, "Rounding"). A lease's
    downtime moves nothing: it lowers what the clock will pay.
    """
    if figure.mode == Mode.LEASE:
        return 0
    after, before = gross(figure.units, figure.unit_price, figure.budget), figure.before
    if after <= before:
        return 0
    return after - before + fee(after, figure.fee_customer) - fee(before, figure.fee_customer)


def useful(figure: Waiting) -> bool:
    """Whether settling the figure changes anything: it moves money, or counts more downtime than counts already."""
    if figure.mode == Mode.LEASE:
        return figure.units > max(figure.downtime, figure.committed)
    return value_of(figure) > 0


def in_time(figure: Waiting, now: int) -> bool:
    """Whether what it stands on has passed at `now` (a device's clock may be ahead of the chain's, or lie): the
    period of its receipt, without which a challenge could not be answered, and a lease's downtime, which the
    contract leaves out."""
    if figure.period_end > now:
        return False
    return figure.mode != Mode.LEASE or figure.units <= min(now, figure.end) - figure.start


def within_cap(figure: Waiting) -> Waiting:
    """The figure, or as many of its units as one batch may move under the policy's cap; the rest waits on.

    The newest receipt vouches for every figure below its own, so the leaf keeps its output.
    """
    if not figure.gross_cap or figure.mode == Mode.LEASE:
        return figure
    most = figure.before + figure.gross_cap
    units = (
        (most + 1) * PRICE_SCALE - 1
    ) // figure.unit_price  # the most units with floor(units x price) <= most
    return figure if figure.units <= units else figure._replace(units=units)
