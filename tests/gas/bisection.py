"""What the gas table measures of the bisection referee: each move at its dearest in a game of 1 024 x 4 096.

Two instances have its sizes between them: 1 024 checkpoints (proofs of ten siblings) of one operation, and one program
of 4 096 operations on 256 cells (proofs of twelve and of eight). The whole game is the sum of its 47 moves.
"""

from __future__ import annotations

from typing import Final

from tallystick.protocol.bisection.game import WorkSolver
from tallystick.protocol.bisection.machine import Opcode
from tallystick.protocol.bisection.work import Order, Work, network_order
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

    def _keep(self, name: str, gas: int) -> None:
        self.gas[name] = max(gas, self.gas.get(name, 0))

    def _checkpoints(self, order: Order) -> None:
        """Of the moves that prove checkpoints; the challenger keeps now the lower, now the upper half."""
        work = Work(order)
        ring = Ring(order.hash, register=False)
        values = ring.registration()
        self._keep(
            REGISTER, ring.referee.transact("register", *values, sender=ring.stranger, measure=True).gas
        )
        dispute = ring.dispute(work)
        self._keep(OPEN, ring.challenge("open", dispute, measure=True).gas)
        proof = work.checkpoint_proof(CHECKPOINTS)
        self._keep(STATE, ring.solve("state", dispute, work.statement, proof, measure=True).gas)
        for index in (512, 256, 384, 320):
            self._keep(QUERY, ring.challenge("query", dispute, index, measure=True).gas)
            answer = WorkSolver(work).answer(index)
            self._keep(CHECKPOINT, ring.solve("answer", dispute, *answer, measure=True).gas)

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
            self._keep(QUERY, ring.challenge("query", dispute, index, measure=True).gas)
            self._keep(
                INSIDE, ring.solve("answer", dispute, *WorkSolver(work).answer(index), measure=True).gas
            )
            low, high = (index, high) if index <= target else (low, index)
        shown = work.operation_proof(target)
        self._keep(PROVE, ring.challenge("prove", dispute, target, shown, measure=True).gas)
