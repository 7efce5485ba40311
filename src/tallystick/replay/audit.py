"""Reads everything back from the chain and holds it against the trace and the model, to the µ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tallystick.protocol.enums import Status
from tallystick.replay.cast import Parties
from tallystick.replay.outcome import AgreementLine
from tallystick.replay.plan import Survey
from tallystick.replay.world import World

__all__ = ["Books", "agreement_lines", "expected_books", "read_books", "reckon"]


QUICK_TRIES = 3


@dataclass(frozen=True, slots=True)
class Books:
    """µ that the Escrow holds for whom, all at one block. Lists are by slot, by customer, by provider."""

    block: int
    paid: list[int]
    budget: list[int]
    status: list[int]
    free: list[int]
    locked: list[int]
    received: list[int]
    claimed: list[int]
    reward_base: list[int]
    fees_accrued: int
    fees_collected: int
    currency: int

    @property
    def obligations(self) -> int:
        """What the Escrow must hold: free + locked - paid of open agreements + earned and unclaimed +
        uncollected fees.

        PROTOCOL.md section 11, invariant 1; the replay opens without a customer fee.
        """
        still_locked = sum(
            paid for paid, status in zip(self.paid, self.status, strict=True) if status == Status.OPEN
        )
        return (
            sum(self.free)
            + sum(self.locked)
            - still_locked
            + sum(self.received)
            - sum(self.claimed)
            + self.fees_accrued
            - self.fees_collected
        )


def read_books(world: World, parties: Parties, numbers: Sequence[int]) -> Books:
    """Asks the contracts, all at the latest block.

    Asking by the block's number makes Anvil rebuild a large state for every answer, so the tag `latest` is asked, and
    believed when no block has come meanwhile. A chain that moves faster than that is asked by number after all.
    """
    for _ in range(QUICK_TRIES):
        before = world.node.block_number()
        books = _read_books(world, parties, numbers, before, "latest")
        if world.node.block_number() == before:
            return books
    block = world.node.block_number()
    return _read_books(world, parties, numbers, block, block)


def _read_books(world: World, parties: Parties, numbers: Sequence[int], block: int, tag: int | str) -> Books:
    agreements = list(world.read_many("Escrow", "agreementOf", [(number,) for number in numbers], tag))
    balances = list(
        world.read_many("Escrow", "balanceOf", [(one,) for one in parties.customer_accounts], tag)
    )
    earnings = list(
        world.read_many("Escrow", "earningsOf", [(one,) for one in parties.provider_accounts], tag)
    )
    accrued, collected = world.read("Escrow", "feeTotals", block=tag)
    return Books(
        block=block,
        paid=[one["paid"] for one in agreements],
        budget=[one["budget"] for one in agreements],
        status=[one["status"] for one in agreements],
        free=[free for free, _ in balances],
        locked=[locked for _, locked in balances],
        received=[one[0] for one in earnings],
        claimed=[one[1] for one in earnings],
        reward_base=[one[2] for one in earnings],
        fees_accrued=accrued,
        fees_collected=collected,
        currency=world.read("TestDollar", "balanceOf", world.address("Escrow"), block=tag),
    )


def expected_books(survey: Survey) -> Books:
    """What the books must be by the trace alone: PROTOCOL.md section 4, cumulative figures, each fee floored
    once."""
    size, providers = len(survey.units), survey.providers
    paid = [survey.gross(slot) for slot in range(size)]
    budget = [survey.budget(slot) for slot in range(size)]
    fees = [survey.fee(slot) for slot in range(size)]
    locked = [sum(budget[i * providers : (i + 1) * providers]) for i in range(survey.customers)]
    return Books(
        block=0,
        paid=paid,
        budget=budget,
        status=[Status.OPEN] * size,
        free=[0] * survey.customers,
        locked=locked,
        received=[sum(paid[j::providers]) - sum(fees[j::providers]) for j in range(providers)],
        claimed=[0] * providers,
        reward_base=[sum(fees[j::providers]) for j in range(providers)],
        fees_accrued=sum(fees),
        fees_collected=0,
        currency=sum(budget),
    )


def differences(found: Books, expected: Books, against: str) -> Iterator[str]:
    """A sentence for each figure of `found` that is not as `expected`; `against` says whose the expected ones
    are."""
    lists = (
        ("paid of agreement", found.paid, expected.paid),
        ("budget of agreement", found.budget, expected.budget),
        ("status of agreement", found.status, expected.status),
        ("free balance of customer", found.free, expected.free),
        ("locked balance of customer", found.locked, expected.locked),
        ("earnings of provider", found.received, expected.received),
        ("claims of provider", found.claimed, expected.claimed),
        ("reward base of provider", found.reward_base, expected.reward_base),
    )
    for name, theirs, ours in lists:
        for place, (mine, other) in enumerate(zip(theirs, ours, strict=True)):
            if mine != other:
                yield f"{name} {place}: {mine} on the chain, {other} by {against}"
    singles = (
        ("fees accrued", found.fees_accrued, expected.fees_accrued),
        ("fees collected", found.fees_collected, expected.fees_collected),
        ("currency held by the Escrow", found.currency, expected.currency),
    )
    for name, mine, other in singles:
        if mine != other:
            yield f"{name}: {mine} on the chain, {other} by {against}"


def balance_difference(found: Books) -> Iterator[str]:
    """A sentence when the Escrow holds more or less than it owes."""
    if found.currency != found.obligations:
        yield f"the Escrow holds {found.currency} µ and owes {found.obligations} µ"


def agreement_lines(survey: Survey, books: Books) -> list[AgreementLine]:
    """One line for each agreement with receipts: what the trace says, and what the chain says was paid."""
    lines = []
    for slot in survey.used:
        customer, provider = divmod(slot, survey.providers)
        gross, taken = survey.gross(slot), survey.fee(slot)
        lines.append(
            AgreementLine(
                customer, provider, survey.units[slot], gross, taken, gross - taken, books.paid[slot]
            )
        )
    return lines


def reckon(found: Books, survey: Survey, model: Books) -> list[str]:
    """Every difference of the chain's books from the model's, from the trace, and from what the Escrow
    holds."""
    return [
        *differences(found, model, "the model"),
        *differences(found, expected_books(survey), "the trace"),
        *balance_difference(found),
    ]
