"""A fault at every index of a small instance, and a lie at every one: the referee finds it, in few enough rounds.

8 checkpoints x 16 operations of the narrow network: the program has every opcode (one ADD, eight
MULTIPLY_ACCUMULATE, RELU, REQUANTISE, then the next layer's beginning), so each is faulty somewhere.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tallystick.protocol.bisection.game import (
    LyingChallenger,
    WorkChallenger,
    WorkSolver,
    most_rounds,
    play,
)
from tallystick.protocol.bisection.machine import Opcode, state_hash
from tallystick.protocol.bisection.work import Fault, Order, Work, network_order
from tests.support.referee import CLAIMED, UNITS, Ring, Turn

CHECKPOINTS, OPERATIONS = 8, 16
TOTAL = CHECKPOINTS * OPERATIONS


@cache
def small() -> tuple[Order, Work]:
    order = network_order(CHECKPOINTS, OPERATIONS)
    return order, Work(order)


@pytest.fixture(scope="module")
def ring() -> Ring:
    return Ring.of(small()[0])


def played(ring: Ring, work: Work, challenger: WorkChallenger) -> tuple[int, int, int]:
    """Dispute, disputed operation and rounds of a whole game."""
    order = work.order
    dispute = ring.begun(work)
    outcome = play(ring.table(dispute), WorkSolver(work), challenger, order.checkpoints, order.operations)
    assert ring.game(dispute)["rounds"] == outcome.rounds
    return dispute, outcome.operation, outcome.rounds


def test_instance__has_every_opcode() -> None:
    assert {each.opcode for each in small()[0].program} == set(Opcode)
    assert most_rounds(CHECKPOINTS, OPERATIONS) == 3 + 4


@pytest.mark.parametrize("part", range(8))
def test_fault__at_every_operation__is_found_and_the_challenger_wins(ring: Ring, part: int) -> None:
    order, honest = small()
    for operation in range(part, TOTAL, 8):
        cheat = Work(order, Fault(operation), like=honest)
        dispute, found, rounds = played(ring, cheat, WorkChallenger(honest))
        assert (found, ring.winner(dispute)) == (operation, Turn.CHALLENGER_WON)
        assert rounds <= 7
        assert ring.ruling(dispute) == CLAIMED


@pytest.mark.parametrize("part", range(8))
def test_lie__at_every_operation_of_honest_work__is_executed_and_the_solver_wins(
    ring: Ring, part: int
) -> None:
    _, honest = small()
    for operation in range(part, TOTAL, 8):
        dispute, found, rounds = played(ring, honest, LyingChallenger(honest, operation))
        assert (found, ring.winner(dispute)) == (operation, Turn.SOLVER_WON)
        assert rounds <= 7
        assert ring.ruling(dispute) == UNITS


@pytest.mark.parametrize(
    ("checkpoints", "operations"), [(1, 1), (1, 2), (2, 1), (1, 11), (7, 1), (3, 5), (5, 13), (11, 3)]
)
def test_fault__where_neither_count_is_a_power_of_two__is_found_in_few_enough_rounds(
    checkpoints: int, operations: int
) -> None:
    order = network_order(checkpoints, operations, seed=4)
    honest, ring = Work(order), Ring.of(order)
    most = (checkpoints - 1).bit_length() + (operations - 1).bit_length()
    for operation in range(order.total):
        dispute, found, rounds = played(ring, Work(order, Fault(operation)), WorkChallenger(honest))
        assert (found, ring.winner(dispute)) == (operation, Turn.CHALLENGER_WON)
        dispute, found, more = played(ring, honest, LyingChallenger(honest, operation))
        assert (found, ring.winner(dispute)) == (operation, Turn.SOLVER_WON)
        assert max(rounds, more) <= most


# Healing


def negative_sum(work: Work) -> tuple[int, bytes]:
    """A sum of the first layer that is negative, and another negative result: ReLU makes zero of both."""
    program = work.order.program
    relu = [op.opcode for op in program].index(Opcode.RELU)
    for index in range(relu):
        op = program[index]
        if op.opcode == Opcode.MULTIPLY_ACCUMULATE:
            lane = work.memory(index + 1).view(">i4")[op.target, op.lane]
            if lane < -1:
                return index, (int(lane) + 1 & 0xFFFFFFFF).to_bytes(32, "big")
    raise AssertionError("the network has no such sum")


def relu_of_zero(work: Work) -> tuple[int, bytes]:
    """A ReLU's result that requantising rounds away again, and the next layer's ADD overwrites."""
    program = work.order.program
    for index in range(TOTAL):
        op = program[index % OPERATIONS]
        if op.opcode == Opcode.RELU:
            row = work.memory(index + 1).view(">i4")[op.target].copy()
            row[0] += 1
            return index, row.tobytes()
    raise AssertionError("the network has no ReLU")


@pytest.mark.parametrize("fault_of", [negative_sum, relu_of_zero])
def test_fault__that_a_later_operation_heals__is_found_all_the_same(ring: Ring, fault_of) -> None:
    order, honest = small()
    operation, wrong = fault_of(honest)
    cheat = Work(order, Fault(operation, wrong), like=honest)
    # The memories part at the fault and meet again; the result is the same; only the running hash tells.
    assert not np.array_equal(cheat.memory(operation + 1), honest.memory(operation + 1))
    assert np.array_equal(cheat.memory(TOTAL), honest.memory(TOTAL))
    assert cheat.statement.final_memory == honest.statement.final_memory
    assert cheat.statement.final_trace != honest.statement.final_trace

    dispute, found, _ = played(ring, cheat, WorkChallenger(honest))
    assert (found, ring.winner(dispute)) == (operation, Turn.CHALLENGER_WON)


def test_running_hash__after_a_healed_fault__differs_at_every_later_state() -> None:
    order, honest = small()
    operation, wrong = negative_sum(honest)
    cheat = Work(order, Fault(operation, wrong), like=honest)
    same = [cheat.state(index) == honest.state(index) for index in range(TOTAL + 1)]
    assert same == [True] * (operation + 1) + [False] * (TOTAL - operation)


# Cheats that do not stand by one computation


class Forger(WorkSolver):
    """Commits to right checkpoints but a made-up end, and answers rightly."""

    def __init__(self, work: Work, trace: bytes) -> None:
        super().__init__(work)
        self._forged = Work(work.order)
        self._forged._traces[-1] = trace
        self._forged._states[-1] = state_hash(work.statement.final_memory, trace)

    def answer(self, index: int) -> tuple[bytes, list[bytes]]:
        checkpoint, inside = divmod(index, self.work.order.operations)
        return self.work.state(index), [] if inside else self._forged.checkpoint_proof(checkpoint)


def test_forged_end__with_right_states_before__is_found_at_the_last_operation(ring: Ring) -> None:
    order, honest = small()
    forger = Forger(honest, b"\x66" * 32)
    dispute = ring.begun(forger._forged)
    outcome = play(ring.table(dispute), forger, WorkChallenger(honest), CHECKPOINTS, OPERATIONS)
    assert outcome.operation == order.total - 1
    assert ring.winner(dispute) == Turn.CHALLENGER_WON


class Babbler(WorkSolver):
    """Says anything where nothing was committed to."""

    def answer(self, index: int) -> tuple[bytes, list[bytes]]:
        state, proof = super().answer(index)
        return (state, proof) if proof else (index.to_bytes(32, "big"), proof)


@pytest.mark.parametrize("operation", [0, 37, TOTAL - 1])
def test_solver__that_answers_nonsense_inside_a_checkpoint__loses(ring: Ring, operation: int) -> None:
    order, honest = small()
    cheat = Work(order, Fault(operation), like=honest)
    dispute = ring.begun(cheat)
    outcome = play(ring.table(dispute), Babbler(cheat), WorkChallenger(honest), CHECKPOINTS, OPERATIONS)
    # The first state inside the faulty checkpoint is nonsense already.
    assert outcome.operation == operation // OPERATIONS * OPERATIONS
    assert ring.winner(dispute) == Turn.CHALLENGER_WON
