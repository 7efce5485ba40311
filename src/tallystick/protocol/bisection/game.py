"""Who asks what: the interval in which two sides part, and the players that narrow it.

`Interval` mirrors the referee contract. A player never sees more of the other than what the game shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from .statement import OperationProof, Statement
from .work import Work

__all__ = [
    "Challenger",
    "Interval",
    "LyingChallenger",
    "Outcome",
    "Solver",
    "Table",
    "WorkChallenger",
    "WorkSolver",
    "most_rounds",
    "play",
]


def most_rounds(checkpoints: int, operations: int) -> int:
    """ceil(log2(checkpoints)) + ceil(log2(operations)): no game has more queries with answers."""
    return (checkpoints - 1).bit_length() + (operations - 1).bit_length()


@dataclass(frozen=True)
class Interval:
    """Both sides agree on state `low` and not on state `high`; the state at `asked` was said last (0: none was)."""

    low: int
    high: int
    operations: int
    asked: int = 0

    def middle(self) -> int:
        """Of the checkpoints between, or of the operations inside one, rounded down."""
        step = self.operations if self.high - self.low > self.operations else 1
        return (self.low // step + self.high // step) // 2 * step

    def kept(self, right: bool) -> Interval:
        """The half in which the sides part, if the last answer was right or not."""
        if self.asked == 0:
            return self
        return replace(self, low=self.asked, asked=0) if right else replace(self, high=self.asked, asked=0)

    @property
    def one_left(self) -> bool:
        return self.high - self.low == 1


@dataclass(frozen=True)
class Outcome:
    """Which operation was executed, and how many queries were answered before."""

    operation: int
    rounds: int


class Solver(Protocol):
    """Who did the work."""

    def answer(self, index: int) -> tuple[bytes, list[bytes]]:
        """A state, with its proof when it is a checkpoint's."""


class Challenger(Protocol):
    """Who says that it is wrong."""

    def believes(self, index: int, state: bytes) -> bool:
        """Whether it takes an answer for right."""

    def operation_proof(self, operation: int) -> OperationProof:
        """What it has executed in the end."""


class Table(Protocol):
    """Where a game is played: a chain, or a test's idea of one."""

    def query(self, index: int) -> None: ...

    def answer(self, state: bytes, proof: list[bytes]) -> None: ...

    def prove(self, operation: int, shown: OperationProof) -> None: ...


class WorkSolver:
    """Answers from its own work, right or faulty: a cheat's best play is to stand by what it committed to."""

    def __init__(self, work: Work) -> None:
        self.work = work

    @property
    def statement(self) -> Statement:
        return self.work.statement

    def answer(self, index: int) -> tuple[bytes, list[bytes]]:
        checkpoint, inside = divmod(index, self.work.order.operations)
        return self.work.state(index), [] if inside else self.work.checkpoint_proof(checkpoint)


class WorkChallenger:
    """Did the work itself, and compares."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def disputes(self, statement: Statement) -> bool:
        """Whether the end that somebody states is not this work's."""
        own = self.work.statement
        return (statement.final_memory, statement.final_trace) != (own.final_memory, own.final_trace)

    def believes(self, index: int, state: bytes) -> bool:
        return state == self.work.state(index)

    def operation_proof(self, operation: int) -> OperationProof:
        return self.work.operation_proof(operation)


class LyingChallenger(WorkChallenger):
    """Says that right work is wrong from operation `lie` on."""

    def __init__(self, work: Work, lie: int) -> None:
        super().__init__(work)
        self.lie = lie

    def believes(self, index: int, state: bytes) -> bool:  # noqa: ARG002 - it does not look
        return index <= self.lie


def play(table: Table, solver: Solver, challenger: Challenger, checkpoints: int, operations: int) -> Outcome:
    """Plays a game after the statement, to the executed operation; the table says who won."""
    game, right, rounds = Interval(0, checkpoints * operations, operations), True, 0
    while not (kept := game.kept(right)).one_left:
        game = replace(kept, asked=kept.middle())
        table.query(game.asked)
        state, proof = solver.answer(game.asked)
        table.answer(state, proof)
        rounds += 1
        right = challenger.believes(game.asked, state)
    table.prove(kept.low, challenger.operation_proof(kept.low))
    return Outcome(kept.low, rounds)
