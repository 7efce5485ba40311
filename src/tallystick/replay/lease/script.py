"""What happens when: the same script is played on the chain and in the model.

Pure. Providers stop their leases at the second their jobs end; once a day anybody pays the clocks of what runs or has
ended unpaid, and refunds what has waited long enough. Times are trace seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

from tallystick.protocol.amounts import gross
from tallystick.replay.lease.plan import Lease

__all__ = ["Act", "Kind", "Waits", "acts_of", "by_second"]

DAY = 86_400
AT_ONCE = 256
"""Agreements that one `poke` or `refundMany` takes."""


class Kind(IntEnum):
    """What is done; of one second, in this order."""

    CLOSE = 0
    POKE = 1
    REFUND = 2


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """One transaction, in the second `at`; `leases` are places in the plan, one for CLOSE, else at most AT_ONCE."""

    at: int
    kind: Kind
    leases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds: how far the paying horizon lies behind the clock, and how long a refund waits after the end."""

    lag: int
    refund: int


def acts_of(leases: Sequence[Lease], waits: Waits) -> list[Act]:
    """The whole script, in order of time; it ends when every lease is refunded."""
    closes = [
        Act(lease.deletion, Kind.CLOSE, (place,)) for place, lease in enumerate(leases) if lease.to_close
    ]
    return sorted([*closes, *_rounds(leases, waits)])


def by_second(acts: Sequence[Act]) -> Iterator[tuple[int, list[Act]]]:
    """The acts of each second together: they are mined in one block."""
    for at, some in groupby(acts, key=lambda act: act.at):
        yield at, list(some)


def _rounds(leases: Sequence[Lease], waits: Waits) -> Iterator[Act]:
    """Once a day from the first start on: pokes of what has something to pay, refunds of what has waited."""
    later = sorted(range(len(leases)), key=lambda place: (leases[place].start, place), reverse=True)
    paid = [0] * len(leases)
    live: list[int] = []
    at = leases[later[-1]].start if later else 0
    while later or live:
        at += DAY
        while later and leases[later[-1]].start <= at:
            live.append(later.pop())
        due = [place for place in live if leases[place].stop + waits.refund <= at]
        live = sorted(set(live).difference(due))
        poked = []
        for place in live:
            payable = _payable(leases[place], at - waits.lag)
            if payable > paid[place]:
                paid[place] = payable
                poked.append(place)
        for kind, places in ((Kind.POKE, poked), (Kind.REFUND, sorted(due))):
            for first in range(0, len(places), AT_ONCE):
                yield Act(at, kind, tuple(places[first : first + AT_ONCE]))


def _payable(lease: Lease, horizon: int) -> int:
    """µ that the clock can have paid up to `horizon`."""
    return gross(max(0, min(horizon, lease.stop) - lease.start), lease.rate, lease.budget)
