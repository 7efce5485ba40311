"""The chain's clock as the replay may touch it: freely on its own chain, by small transfers on a sleepy dev
node, or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from tallystick.chain.anvil import Anvil
from tallystick.chain.errors import ChainError
from tallystick.chain.node import Node
from tallystick.chain.sender import Call, KeySender

__all__ = ["ChainClock", "DevNodeClock", "LiveClock", "OwnClock", "is_dev_node"]


class ChainClock(Protocol):
    """What waiting needs. `can_jump` says whether `jump` does anything."""

    can_jump: bool

    def tick(self, final_up_to: int) -> None:
        """Gives the chain a chance to move on; `final_up_to` is a block that somebody wants to see final."""

    def jump(self, timestamp: int) -> None:
        """Moves the chain to this unix time, when that can be done."""


class OwnClock:
    """An Anvil of our own: a block a tick, and any time we like."""

    can_jump = True

    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil

    def tick(self, final_up_to: int) -> None:  # noqa: ARG002 - one block makes the block before it final
        """Mines one block."""
        self._anvil.mine()

    def jump(self, timestamp: int) -> None:
        """Mines a block at `timestamp`, and two after it, so that it is final."""
        if timestamp > self._anvil.node.timestamp():
            self._anvil.warp(timestamp)
        self._anvil.mine(2)


class LiveClock:
    """A chain that has its own time."""

    can_jump = False

    def tick(self, final_up_to: int) -> None:
        """Nothing to do."""

    def jump(self, timestamp: int) -> None:
        """Nothing that could be done."""


class DevNodeClock:
    """Somebody's dev node. If nothing mines there for seconds, small transfers to ourselves move time and
    finality on."""

    can_jump = False

    def __init__(
        self,
        node: Node,
        sender: KeySender,
        *,
        patience: float = 2.0,
        every: float = 1.0,
        burst: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`patience`: seconds without a block until we help; then a transfer `every` second, `burst` while
        finality lags."""
        self._node = node
        self._sender = sender
        self._patience = patience
        self._every = every
        self._burst = burst
        self._clock = clock
        self._head = -1
        self._moved_at = clock()
        self._helping = False

    def tick(self, final_up_to: int) -> None:
        """Sends transfers when the chain stands still."""
        now, head = self._clock(), self._node.block_number()
        if head != self._head:
            self._head, self._moved_at = head, now
        lag = self._lag(final_up_to)
        still = now - self._moved_at
        hurried = self._helping and lag > 0
        if not hurried and still < (self._every if self._helping else self._patience):
            return
        self._helping = True
        me = Call(self._sender.address, b"", 0, 21_000)
        try:
            self._sender.send_many([me] * max(1, min(self._burst, lag)))
        except ChainError:
            # Others use the node too; the next tick tries again.
            return
        self._head, self._moved_at = self._node.block_number(), self._clock()

    def _lag(self, final_up_to: int) -> int:
        try:
            return final_up_to - int(self._node.block("finalized")["number"], 16)
        except ChainError:
            return 0

    def jump(self, timestamp: int) -> None:
        """Nothing that could be done: time passes in real seconds."""


def is_dev_node(node: Node) -> bool:
    """Whether the node is a development chain, by its own words."""
    try:
        said = str(node.request("web3_clientVersion")).lower()
    except ChainError:
        return False
    return any(name in said for name in ("anvil", "hardhat", "foundry", "ganache"))
