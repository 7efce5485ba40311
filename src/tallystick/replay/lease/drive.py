"""Plays the script on the chain, each second's acts in one block of exactly that second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tallystick.chain.errors import TransactionFailed
from tallystick.chain.event_types import Event
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import Node
from tallystick.chain.sender import Call, KeySender, Sent, why_it_failed
from tallystick.replay.lease.script import Act, Kind, by_second
from tallystick.replay.world import World

__all__ = ["GAS_CLOSE", "Stagehand", "call_of", "held_clock"]

GAS_CLOSE = 150_000
GAS_BASE = 300_000
GAS_POKE = 90_000
"""An agreement; some 45 000 where a payee earns for the first time."""
GAS_REFUND = 180_000
"""An agreement; its pledge is released with a fixed allowance of gas, which must be there to be given."""
CHECKED_AT_ONCE = 100
"""Transactions whose receipts are asked for together."""


@contextmanager
def held_clock(node: Node) -> Iterator[None]:
    """While it lasts the node mines nothing by itself."""
    node.request("evm_setAutomine", [False])
    try:
        yield
    finally:
        node.request("evm_setAutomine", [True])


def call_of(world: World, act: Act, numbers: Sequence[int]) -> Call:
    """The transaction of an act; `numbers` are agreements by place in the plan."""
    chosen = [numbers[place] for place in act.leases]
    if act.kind is Kind.CLOSE:
        return world.call("Escrow", "close", chosen[0], gas=GAS_CLOSE)
    name, each = ("poke", GAS_POKE) if act.kind is Kind.POKE else ("refundMany", GAS_REFUND)
    return world.call("Escrow", name, chosen, gas=GAS_BASE + each * len(chosen))


_Sent = tuple[Kind, str, Sent]
"""Kind of act, the sender's address, the transaction."""


@dataclass(slots=True)
class Stagehand:
    """Sends every act as the one who may do it, and keeps what the chain said.

    `base` is the chain's time at trace second 0; `owner_of` gives the sender that stops the lease at a place, `anyone`
    pays the clocks and refunds. `gas` is by kind of act; `events` are those of the Escrow, in order.
    """

    world: World
    base: int
    numbers: Sequence[int]
    owner_of: Callable[[int], KeySender]
    anyone: KeySender
    gas: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    events: list[Event] = field(default_factory=list)

    def play(self, acts: Sequence[Act], progress: Callable[[int], None]) -> None:
        """Plays the whole script; calls `progress` with the number of acts done.

        Raises:
            ChainError: with the contract's reason, when an act is refused.
        """
        decoder = EventDecoder(self.world.addresses)
        done = 0
        sent: list[_Sent] = []
        with held_clock(self.world.node):
            for at, some in by_second(acts):
                sent += self._send(some)
                self.world.node.request("evm_mine", [{"timestamp": self.base + at}])
                if len(sent) >= CHECKED_AT_ONCE:
                    self._check(sent, decoder)
                    sent.clear()
                done += len(some)
                progress(done)
            self._check(sent, decoder)

    def _send(self, acts: Iterable[Act]) -> Iterator[_Sent]:
        for act in acts:
            sender = self.owner_of(act.leases[0]) if act.kind is Kind.CLOSE else self.anyone
            (one,) = sender.post_many([call_of(self.world, act, self.numbers)])
            yield act.kind, sender.address, one

    def _check(self, sent: Sequence[_Sent], decoder: EventDecoder) -> None:
        """Takes in the receipts of transactions whose blocks are mined."""
        node = self.world.node
        receipts = node.receipts([one.hash for _, _, one in sent])
        for (kind, sender, one), receipt in zip(sent, receipts, strict=True):
            if receipt is None:
                raise TransactionFailed(f"transaction {one.hash} is not in the block of its second")
            if not receipt.ok:
                raise why_it_failed(node, sender, one.call, one.gas, receipt)
            self.gas[kind] += receipt.gas_used
            self.events += decoder.decode_all(receipt.logs)
