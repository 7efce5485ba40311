"""What the chain says of each lease at the end, held against the trace and the model, to the second and the µ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from tallystick.chain.event_types import (
    EscrowClosed,
    EscrowFigureSkipped,
    EscrowPledgeStuck,
    EscrowSettled,
    Event,
)
from tallystick.protocol.amounts import fee
from tallystick.protocol.constants import PRICE_SCALE
from tallystick.protocol.enums import CloseReason, Status
from tallystick.replay.audit import Books
from tallystick.replay.cast import Parties
from tallystick.replay.lease.plan import Lease, LeasePlan
from tallystick.replay.outcome import AgreementLine, LeaseLine
from tallystick.replay.world import World

__all__ = [
    "Facts",
    "agreement_lines",
    "event_differences",
    "expected_books",
    "fact_differences",
    "facts_of_chain",
    "facts_of_plan",
    "funding_differences",
    "lease_lines",
    "stake_differences",
]


@dataclass(frozen=True, slots=True)
class Facts:
    """One lease at the end. Times are the chain's, money is µ, `stop_at` is 0 when nobody closed it."""

    rate: int
    budget: int
    fee_bps: int
    start: int
    expiry: int
    stop_at: int
    downtime: int
    paid: int
    refunded: int
    status: int
    reason: int

    @property
    def stop(self) -> int:
        """When it ended: closed, out of money, or at the end of its term, whichever came first."""
        funded_until = self.start + self.budget * PRICE_SCALE // self.rate
        return min(self.stop_at or self.expiry, self.expiry, funded_until)


def facts_of_plan(plan: LeasePlan, base: int) -> list[Facts]:
    """What must come out by the trace alone; `base` is the chain's time at trace second 0."""
    return [
        Facts(
            rate=lease.rate,
            budget=lease.budget,
            fee_bps=plan.fee_bps,
            start=base + lease.start,
            expiry=base + lease.expiry,
            stop_at=base + lease.deletion if lease.to_close else 0,
            downtime=0,
            paid=lease.gross,
            refunded=lease.refund,
            status=Status.CLOSED,
            reason=reason_of(lease),
        )
        for lease in plan.leases
    ]


def reason_of(lease: Lease) -> CloseReason:
    """What the Escrow must say of the end. A job that ends with its money, to the second, is EXHAUSTED there."""
    if lease.to_close:
        return CloseReason.CLOSED_BY_PROVIDER
    return CloseReason.EXHAUSTED if lease.funded_until < lease.expiry else CloseReason.EXPIRED


def facts_of_chain(world: World, numbers: Sequence[int], events: Iterable[Event]) -> list[Facts]:
    """What the chain has: the state of each agreement, and what the event of its closing said.

    What was refunded is only in that event; without one it counts as 0.
    """
    closed = {event.agreement: event for event in events if isinstance(event, EscrowClosed)}
    views = world.read_many("Escrow", "agreementOf", [(number,) for number in numbers])
    facts = []
    for number, view in zip(numbers, views, strict=True):
        said = closed.get(number)
        facts.append(
            Facts(
                rate=view["unitPrice"],
                budget=view["budget"],
                fee_bps=view["feeProvider"],
                start=view["start"],
                expiry=view["end"],
                stop_at=view["stopAt"],
                downtime=view["downtime"],
                paid=view["paid"],
                refunded=said.refunded if said else 0,
                status=view["status"],
                reason=said.reason if said else CloseReason.NONE,
            )
        )
    return facts


def fact_differences(
    plan: LeasePlan, found: Sequence[Facts], expected: Sequence[Facts], against: str
) -> Iterator[str]:
    """A sentence for each figure of a lease that is not as expected; `against` says whose the expected ones are."""
    for lease, theirs, ours in zip(plan.leases, found, expected, strict=True):
        for one in fields(Facts):
            mine, other = getattr(theirs, one.name), getattr(ours, one.name)
            if mine != other:
                name = one.name.replace("_", " ")
                yield f"{name} of the lease of line {lease.line}: {mine} on the chain, {other} by {against}"


def event_differences(
    plan: LeasePlan, numbers: Sequence[int], facts: Sequence[Facts], events: Iterable[Event]
) -> Iterator[str]:
    """Sentences where the events do not tell the same story as the state, or tell of something that should not be."""
    line_of = dict(zip(numbers, (lease.line for lease in plan.leases), strict=True))
    settled: dict[int, int] = {}
    for event in events:
        number = getattr(event, "agreement", None)
        where = f"the lease of line {line_of[number]}" if number in line_of else f"agreement {number}"
        if isinstance(event, EscrowSettled):
            if event.paid <= settled.get(event.agreement, 0):
                yield f"paid of {where} did not rise: {event.paid} after {settled[event.agreement]}"
            settled[event.agreement] = event.paid
        elif isinstance(event, EscrowFigureSkipped):
            yield f"the clock of {where} was not paid: {event.reason.name}"
        elif isinstance(event, EscrowPledgeStuck):
            yield f"the pledge of {where} is stuck"
        elif type(event).__name__ == "EscrowRefundSkipped":
            yield f"{where} was not refunded: {getattr(event, 'reason', '?')}"
    for number, one in zip(numbers, facts, strict=True):
        if settled.get(number, 0) != one.paid:
            said = settled.get(number, 0)
            yield f"paid of the lease of line {line_of[number]}: {one.paid} on the chain, {said} by its events"


def funding_differences(world: World, plan: LeasePlan, numbers: Sequence[int], base: int) -> Iterator[str]:
    """Sentences where the Escrow's own view of a lease that nobody closed yet, until when it is paid, is another."""
    views = world.read_many("Escrow", "paidUntil", [(number,) for number in numbers])
    for lease, said in zip(plan.leases, views, strict=True):
        until = base + min(lease.funded_until, lease.expiry)
        if said != until:
            yield f"end of the money of the lease of line {lease.line}: {said} on the chain, {until} by the trace"


def expected_books(plan: LeasePlan) -> Books:
    """What the Escrow's books must be by the trace alone, when everything is refunded."""
    refunds, received, fees = [0] * plan.customers, [0] * plan.providers, [0] * plan.providers
    for lease in plan.leases:
        refunds[lease.customer] += lease.refund
        received[lease.provider] += lease.gross - plan.fee(lease)
        fees[lease.provider] += plan.fee(lease)
    return Books(
        block=0,
        paid=[lease.gross for lease in plan.leases],
        budget=[lease.budget for lease in plan.leases],
        status=[Status.CLOSED] * len(plan.leases),
        free=refunds,
        locked=[0] * plan.customers,
        received=received,
        claimed=[0] * plan.providers,
        reward_base=fees,
        fees_accrued=sum(fees),
        fees_collected=0,
        currency=sum(lease.budget for lease in plan.leases),
    )


def stake_differences(world: World, parties: Parties, staked: Sequence[int]) -> Iterator[str]:
    """Sentences where a provider has not all of its stake free again; `staked` is in µ, by provider."""
    operators = world.read_many("Staking", "get", [(number,) for number in parties.provider_operators])
    for provider, (one, whole) in enumerate(zip(operators, staked, strict=True)):
        if (one["free"], one["pledged"]) != (whole, 0):
            yield (
                f"stake of provider {provider}: {one['free']} µ free and {one['pledged']} pledged on the chain,"
                f" {whole} and 0 by the trace"
            )


def lease_lines(
    plan: LeasePlan, numbers: Sequence[int], facts: Sequence[Facts], base: int
) -> list[LeaseLine]:
    """The report's lines, in file order, out of what the chain has."""
    lines = []
    for lease, number, one in zip(plan.leases, numbers, facts, strict=True):
        taken = fee(one.paid, one.fee_bps)
        # Money and job may end in the same second: then the job was served whole.
        cut_short = one.reason == CloseReason.EXHAUSTED and one.stop < base + lease.deletion
        lines.append(
            LeaseLine(
                line=lease.line,
                rate=one.rate,
                start=one.start - base,
                stop=one.stop - base,
                downtime=one.downtime,
                served=one.stop - one.start - one.downtime,
                gross=one.paid,
                fee=taken,
                net=one.paid - taken,
                refund=one.refunded,
                close_reason="exhausted" if cut_short else "stopped",
                deletion_time=lease.deletion,
                budget=one.budget,
                customer=lease.customer,
                provider=lease.node,
                node=plan.nodes[lease.node].name,
                agreement=number,
            )
        )
    return lines


def agreement_lines(plan: LeasePlan, facts: Sequence[Facts]) -> list[AgreementLine]:
    """One line a lease, in file order: what the trace says, and what the chain says was paid."""
    return [
        AgreementLine(
            customer=lease.customer,
            provider=lease.node,
            units=lease.units,
            gross=lease.gross,
            fee=plan.fee(lease),
            net=lease.gross - plan.fee(lease),
            onchain_paid=one.paid,
        )
        for lease, one in zip(plan.leases, facts, strict=True)
    ]
