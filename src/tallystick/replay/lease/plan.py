"""Which job becomes which lease: its rate, its budget, its node, and what it must come to.

Pure: rows and nodes in, numbers out. Times are trace seconds, money is µ, rates are µ per 1e6 seconds. What a lease
must come to is computed here from the trace alone, and neither the model nor the chain is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from heapq import heappop, heappush

from tallystick.protocol.amounts import fee, gross
from tallystick.protocol.constants import MAX_TERM, PRICE_SCALE
from tallystick.replay.bins import Bins
from tallystick.replay.plan import MAX_BUDGET, Rejection, customer_of_row
from tallystick.sources.base import Rejected, Row
from tallystick.sources.nodes import NodeRow

__all__ = ["LATEST_START", "Lease", "LeasePlan", "plan_leases"]

MAX_RATE = 2**56 - 1
LATEST_START = MAX_TERM - 86_400
"""Seconds after the first job's start at which the last may start: all are opened beforehand, and the Escrow opens
nothing that starts more than MAX_TERM later. The day is for setting up."""
MAX_DIGITS = 40
"""Decimal places, either way, of a demand that can still come to a rate."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One job as a lease of `gpus` GPUs of one node, `power` milli-GPU in all.

    `node` is its place in the nodes file, `provider` its place among the nodes that got a job. Its provider stops it
    at `deletion`, if there is money for so long.
    """

    line: int
    customer: int
    gpus: Decimal
    power: Fraction
    rate: int
    start: int
    deletion: int
    budget: int
    node: int = -1
    provider: int = -1

    @property
    def funded_until(self) -> int:
        """start + floor(budget x 1e6 / rate): when the money runs out."""
        return self.start + self.budget * PRICE_SCALE // self.rate

    @property
    def expiry(self) -> int:
        """Last second that the Terms allow."""
        return self.start + MAX_TERM

    @property
    def stop(self) -> int:
        """When it actually ends."""
        return min(self.deletion, self.funded_until, self.expiry)

    @property
    def to_close(self) -> bool:
        """Whether the provider must stop it: later there is nothing to bring forward, and the Escrow would refuse."""
        return self.deletion < min(self.funded_until, self.expiry)

    @property
    def close_reason(self) -> str:
        """`stopped`: served to the deletion; `exhausted`: the money ended before it."""
        return "stopped" if self.deletion <= self.stop else "exhausted"

    @property
    def served(self) -> int:
        """Seconds."""
        return self.stop - self.start

    @property
    def units(self) -> int:
        """Milli-GPU-seconds that were served, rounded half to even as the source does."""
        return round(self.served * self.power)

    @property
    def gross(self) -> int:
        """µ: floor(served x rate / 1e6)."""
        return gross(self.served, self.rate, self.budget)

    @property
    def refund(self) -> int:
        """µ of the budget that go back to the customer."""
        return self.budget - self.gross


@dataclass(slots=True)
class LeasePlan:
    """All of a run. Lists: `leases` in file order, `nodes` all of the file, `used` the places of those with a job."""

    customers: int
    fee_bps: int
    nodes: Sequence[NodeRow]
    leases: list[Lease]
    used: list[int]
    rejected: list[Rejection]
    bins: Bins = field(default_factory=Bins)

    @property
    def providers(self) -> int:
        """How many nodes have a job; only they register and stake."""
        return len(self.used)

    def commitments(self) -> Iterator[tuple[int, int, int]]:
        """(customer, provider, budget) of every lease, in the order in which they are opened."""
        return ((one.customer, one.provider, one.budget) for one in self.leases)

    def fee(self, lease: Lease) -> int:
        """µ of the provider's fee: floor(gross x bps / 1e4)."""
        return fee(lease.gross, self.fee_bps)


def plan_leases(
    rows: Iterable[Row | Rejected],
    nodes: Sequence[NodeRow],
    *,
    customers: int,
    unit_price: int,
    fee_bps: int,
    budget_seconds: int | None = None,
) -> LeasePlan:
    """Makes a lease of every usable row.

    Rejected, besides what the source rejects: `rate_is_zero`, `rate_out_of_range`, `over_budget`, `out_of_term`, and
    `no_node` where no node has as many GPUs.
    """
    read = list(rows)
    judged = _within_term([_judge(row, customers, unit_price, budget_seconds) for row in read])
    judged = _place(judged, nodes)
    leases = [one for one in judged if isinstance(one, Lease)]
    used = sorted({lease.node for lease in leases})
    provider_of = {node: provider for provider, node in enumerate(used)}
    plan = LeasePlan(
        customers=customers,
        fee_bps=fee_bps,
        nodes=nodes,
        leases=[replace(lease, provider=provider_of[lease.node]) for lease in leases],
        used=used,
        rejected=[one for one in judged if isinstance(one, Rejection)],
    )
    for row, one in zip(read, judged, strict=True):
        plan.bins.add(row, isinstance(one, Lease))
    return plan


def _judge(row: Row | Rejected, customers: int, unit_price: int, seconds: int | None) -> Lease | Rejection:
    if isinstance(row, Rejected):
        return Rejection(row.line, row.reason)
    if row.demand is None or row.began is None or row.ended is None:
        return Rejection(row.line, "out_of_term")
    size = row.demand.power.adjusted()
    if size > MAX_DIGITS:
        return Rejection(row.line, "rate_out_of_range")
    if size < -MAX_DIGITS:
        return Rejection(row.line, "rate_is_zero")
    power = Fraction(row.demand.power)
    rate = unit_price * power // 1_000
    if rate == 0:
        return Rejection(row.line, "rate_is_zero")
    if rate > MAX_RATE:
        return Rejection(row.line, "rate_out_of_range")
    budget = max(1, _up_to_micro(rate, row.ended - row.began))
    if seconds is not None:
        budget = min(budget, _up_to_micro(rate, seconds))
    if budget > MAX_BUDGET:
        return Rejection(row.line, "over_budget")
    customer = customer_of_row(row.index, customers)
    return Lease(row.line, customer, row.demand.gpus, power, rate, row.began, row.ended, budget)


def _up_to_micro(rate: int, seconds: int) -> int:
    """ceil(rate x seconds / 1e6): what a budget must hold for so long."""
    return -(-rate * seconds // PRICE_SCALE)


def _within_term(judged: Sequence[Lease | Rejection]) -> list[Lease | Rejection]:
    first = min((one.start for one in judged if isinstance(one, Lease)), default=0)
    return [
        Rejection(one.line, "out_of_term")
        if isinstance(one, Lease)
        and (one.start > first + LATEST_START or one.deletion > one.start + MAX_TERM)
        else one
        for one in judged
    ]


def _place(judged: Sequence[Lease | Rejection], nodes: Sequence[NodeRow]) -> list[Lease | Rejection]:
    """Gives each lease the node with the most free milli-GPU among those with enough GPUs, the lowest line on a tie.

    In order of start, then line; what ends at or before a start is freed first. More may be given out than there is:
    then something is below zero.
    """
    placed = list(judged)
    free: list[int | Fraction] = [1_000 * node.gpus for node in nodes]
    running: list[tuple[int, int, int | Fraction]] = []
    order = [(one.start, one.line, place) for place, one in enumerate(judged) if isinstance(one, Lease)]
    for start, line, place in sorted(order):
        lease = judged[place]
        assert isinstance(lease, Lease)
        while running and running[0][0] <= start:
            _, freed, power = heappop(running)
            free[freed] += power
        fit = (index for index, node in enumerate(nodes) if node.gpus >= lease.gpus)
        best = max(fit, key=lambda index: free[index], default=None)
        if best is None:
            placed[place] = Rejection(line, "no_node")
            continue
        placed[place] = replace(lease, node=best)
        # Whole numbers where they are whole: comparing fractions is slow.
        taken = lease.power.numerator if lease.power.denominator == 1 else lease.power
        free[best] -= taken
        heappush(running, (lease.stop, best, taken))
    return placed
