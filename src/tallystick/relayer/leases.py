"""A lease's clock, as `Escrow` reckons it: when it ends, and what it has earned up to a second. Pure but for `END`.

The clock counts seconds at unitPrice per 1e6 of them; receipts count the seconds *not* served. It pays up to
`now - LAG` only, LAG = report time + challenge window + SETTLE_GRACE, so that downtime is known before its seconds
are paid (PROTOCOL section 4).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, case

from tallystick.protocol import amounts
from tallystick.protocol.enums import Mode
from tallystick.store.tables import agreements

__all__ = ["END", "Clock", "agreement_end", "funded_until"]

_MAX_INT64: Final = 2**63 - 1


def funded_until(mode: int, start: int, budget: int, unit_price: int) -> int:
    """The second at which a lease's money runs out, downtime or not; 0 for METERED."""
    if mode != Mode.LEASE:
        return 0
    return min(amounts.funded_until(start, budget, unit_price), _MAX_INT64)


def agreement_end(expiry: int, stop_at: int, funded: int) -> int:
    """When an agreement ends as things stand; 0 stands for no stop, and for no end of its money."""
    stop = stop_at or expiry
    return min(stop, funded) if funded else stop


_STOP: Final = case((agreements.c.stop_at > 0, agreements.c.stop_at), else_=agreements.c.expiry)
END: Final[ColumnElement[int]] = case(
    ((agreements.c.funded_until > 0) & (agreements.c.funded_until < _STOP), agreements.c.funded_until),
    else_=_STOP,
)
"""As `agreement_end`, of a row of `agreements`."""


class Clock(NamedTuple):
    """A lease. Times in seconds, money in µ, `unit_price` in µ per 1e6 seconds; `paid` is final gross µ."""

    agreement: int
    unit_price: int
    budget: int
    start: int
    end: int
    downtime: int
    paid: int

    def due(self, horizon: int) -> int:
        """µ of gross that the clock has earned up to `horizon` and that are not paid yet."""
        seconds = amounts.payable_seconds(horizon, self.end, self.start, self.downtime)
        return max(amounts.lease_gross(seconds, self.unit_price, self.budget) - self.paid, 0)
