"""What the gas table measures of the bisection referee: each move at its dearest in a game of 1 024 x 4 096.

Two instances have its sizes between them: 1 024 checkpoints (proofs of ten siblings) of one operation, and one program
of 4 096 operations on 256 cells (proofs of twelve and of eight). The whole game is the sum of its 47 moves.
"""

from __future__ import annotations

from typing import Final

from tallystick.protocol.bisection.game import WorkSolver
from tallystick.protocol.bisection.machine import Opcode
from tallystick.protocol.bisection.work import Order, Work, network_order
from tests.support.evm import Account
from tests.support.referee import Ring

CHECKPOINTS: Final = 1_024
OPERATIONS: Final = 4_096
REGISTER: Final = "bisection: register the work of an agreement"
OPEN: Final = "bisection: open a game"
STATE: Final = "bisection: state the work"
QUERY: Final = "bisection: query"
CHECKPOINT: Final = "bisection: answer with a checkpoint's state"
INSIDE: Final = "bisection: answer with a state inside a checkpoint"
PROVE: Final = "bisection: prove, the chain executes one multiply-accumulate"
WHOLE: Final = "bisection: worst game of 1 024 x 4 096, all moves of both sides"


class Bisection:
    """Plays both instances once and keeps gas by name."""

    def __init__(self) -> None:
        self.gas: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """Gas by name, in the order of the table."""
        self._checkpoints(network_order(CHECKPOINTS, 1))
        self._operations(network_order(1, OPERATIONS))
        gas = self.gas
        levels = (CHECKPOINTS - 1).bit_length() * gas[CHECKPOINT] + (OPERATIONS - 1).bit_length() * gas[
            INSIDE
        ]
        rounds = (CHECKPOINTS - 1).bit_length() + (OPERATIONS - 1).bit_length()
        gas[WHOLE] = gas[OPEN] + gas[STATE] + rounds * gas[QUERY] + levels + gas[PROVE]
        return gas

    def _move(self, name: str, ring: Ring, by: Account, function: str, *values: object) -> None:
        """A minute later, so that clocks are written; the dearest of its name is kept."""
        ring.evm.warp(60)
        gas = ring.referee.transact(function, *values, sender=by, measure=True).gas
        self.gas[name] = max(gas, self.gas.get(name, 0))

    def _checkpoints(self, order: Order) -> None:
        """Of the moves that prove checkpoints; the challenger keeps now the lower, now the upper half."""
        work, ring = Work(order), Ring(order.hash, register=False)
        self._move(REGISTER, ring, ring.stranger, "register", *ring.registration())
        dispute = ring.dispute(work)
        self._move(OPEN, ring, ring.challenger, "open", dispute)
        proof = work.checkpoint_proof(CHECKPOINTS)
        self._move(STATE, ring, ring.solver, "state", dispute, work.statement, proof)
        for index in (512, 256, 384, 320):
            self._move(QUERY, ring, ring.challenger, "query", dispute, index)
            self._move(CHECKPOINT, ring, ring.solver, "answer", dispute, *WorkSolver(work).answer(index))

    def _operations(self, order: Order) -> None:
        """Of the moves inside one checkpoint, down to a multiply-accumulate, which shows three cells."""
        work, ring = Work(order), Ring(order.hash)
        target = next(
            index for index, op in enumerate(order.program) if op.opcode == Opcode.MULTIPLY_ACCUMULATE
        )
        dispute = ring.begun(work)
        low, high = 0, OPERATIONS
        while high - low > 1:
            index = (low + high) // 2
            self._move(QUERY, ring, ring.challenger, "query", dispute, index)
            self._move(INSIDE, ring, ring.solver, "answer", dispute, *WorkSolver(work).answer(index))
            low, high = (index, high) if index <= target else (low, index)
        shown = work.operation_proof(target)
        self._move(PROVE, ring, ring.challenger, "prove", dispute, target, shown)
