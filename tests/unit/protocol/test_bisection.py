"""Deterministic work, its commitments and its players, without a chain."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.protocol.bisection.game import (
    Interval,
    LyingChallenger,
    WorkChallenger,
    WorkSolver,
    most_rounds,
    play,
)
from tallystick.protocol.bisection.machine import Instruction, Machine, Memory, Opcode, leaf, state_hash
from tallystick.protocol.bisection.network import build_network
from tallystick.protocol.bisection.statement import OperationProof
from tallystick.protocol.bisection.work import Fault, Order, Work, memory_tree, network_order
from tallystick.protocol.errors import EncodingError
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.merkle import verify

# The machine


def naive(program: tuple[Instruction, ...], memory: Memory) -> tuple[list[bytes], bytes]:
    """One operation after the other in plain integers: results, and the memory at the end."""
    cells = [bytearray(row.tobytes()) for row in memory]

    def int32s(cell: int) -> list[int]:
        return [int.from_bytes(cells[cell][i : i + 4], "big", signed=True) for i in range(0, 32, 4)]

    def int8s(cell: int) -> list[int]:
        return [each - 256 if each > 127 else each for each in cells[cell]]

    results = []
    for op in program:
        if op.opcode == Opcode.MULTIPLY_ACCUMULATE:
            dot = sum(x * y for x, y in zip(int8s(op.a), int8s(op.b), strict=True))
            place, written = 4 * op.lane, (int32s(op.target)[op.lane] + dot & 0xFFFFFFFF).to_bytes(4, "big")
        elif op.opcode == Opcode.ADD:
            sums = [x + y & 0xFFFFFFFF for x, y in zip(int32s(op.a), int32s(op.b), strict=True)]
            place, written = 0, b"".join(each.to_bytes(4, "big") for each in sums)
        elif op.opcode == Opcode.RELU:
            place, written = 0, b"".join(max(each, 0).to_bytes(4, "big") for each in int32s(op.a))
        else:
            scaled = [Fraction(each * op.multiplier, 2**op.shift) + Fraction(1, 2) for each in int32s(op.a)]
            eight = [max(-128, min(127, math.floor(each) + op.zero)) for each in scaled]
            place, written = 8 * op.lane, bytes(each & 0xFF for each in eight)
        cells[op.target][place : place + len(written)] = written
        results.append(written.rjust(32, b"\0"))
    return results, b"".join(map(bytes, cells))


@given(st.integers(0, 2**32), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_machine__any_program__is_what_one_operation_after_the_other_gives(seed: int, length: int) -> None:
    """On few cells, so that operations overwrite and read each other's results all the time."""
    draw = np.random.default_rng(seed)

    def instruction(previous: Opcode | None) -> Instruction:
        again = previous is not None and draw.random() < 0.7  # long runs of one opcode are done at once
        return Instruction(
            previous if again and previous is not None else Opcode(int(draw.integers(1, 5))),
            *(int(draw.integers(5)) for _ in range(3)),
            lane=int(draw.integers(4)),
            multiplier=int(draw.integers(2**31)),
            shift=int(draw.integers(63)),
            zero=int(draw.integers(-128, 128)),
        )

    program: list[Instruction] = []
    for _ in range(length):
        program.append(instruction(program[-1].opcode if program else None))
    memory = draw.integers(0, 256, (5, 32), np.uint8)
    results, end = naive(tuple(program), memory)
    machine = Machine(program, 5)

    whole = memory.copy()
    assert machine.run(whole) == b"".join(results)
    assert whole.tobytes() == end
    cut = int(draw.integers(length + 1))
    parts = memory.copy()
    assert machine.run(parts, 0, cut) + machine.run(parts, cut) == b"".join(results)
    assert parts.tobytes() == end


def test_network__of_4096_operations__is_what_one_operation_after_the_other_gives() -> None:
    program, memory = build_network(4_096, seed=3)
    assert {each.opcode for each in program} == set(Opcode)
    results, end = naive(program, memory)
    assert Machine(program, len(memory)).run(own := memory.copy()) == b"".join(results)
    assert own.tobytes() == end


@pytest.mark.parametrize(("operations", "cells"), [(1, 16), (11, 16), (151, 16), (152, 256), (4_096, 256)])
def test_network__is_as_long_as_asked_and_of_a_few_cells(operations: int, cells: int) -> None:
    program, memory = build_network(operations)
    assert (len(program), len(memory)) == (operations, cells)


def test_network__over_many_layers__does_not_die() -> None:
    """Activations that are all one number would hide every fault but the first layer's."""
    order = network_order(4, 4_096)
    memory = Work(order).memory(order.total)
    sums = memory.view(">i4")[16:24]
    assert len(np.unique(sums)) > 20


def test_network__of_another_seed__has_other_weights_and_the_same_program() -> None:
    first, second = build_network(64, seed=1), build_network(64, seed=2)
    assert first.program == second.program
    assert not np.array_equal(first.memory, second.memory)


@pytest.mark.parametrize(
    "op",
    [
        Instruction(Opcode.ADD, 4, 0, 0),
        Instruction(Opcode.ADD, 0, -1, 0),
        Instruction(Opcode.MULTIPLY_ACCUMULATE, 0, 0, 0, lane=8),
        Instruction(Opcode.REQUANTISE, 0, 0, lane=4),
        Instruction(Opcode.REQUANTISE, 0, 0, multiplier=2**31),
        Instruction(Opcode.REQUANTISE, 0, 0, shift=63),
        Instruction(Opcode.REQUANTISE, 0, 0, zero=128),
        Instruction(9, 0, 0),  # type: ignore[arg-type]
    ],
)
def test_machine__instruction_that_does_not_fit__is_refused(op: Instruction) -> None:
    with pytest.raises(EncodingError):
        Machine([op], 4)


def test_machine__without_instructions_or_cells__is_refused() -> None:
    for program, cells in (([], 4), ([Instruction(Opcode.RELU, 0, 0)], 0)):
        with pytest.raises(EncodingError):
            Machine(program, cells)


def test_instruction__encoded__has_its_fields_where_the_contract_reads_them() -> None:
    op = Instruction(Opcode.REQUANTISE, 0x01020304, 0x05060708, 0x090A0B0C, 3, 0x0D0E0F10, 0x11, -2)
    fields = ("fe", "11", "0d0e0f10", "090a0b0c", "05060708", "01020304", "03", "04")
    assert op.encode().hex() == "00" * 12 + "".join(fields)


# Commitments


def test_states__are_of_memory_and_running_hash__by_hand() -> None:
    order = network_order(2, 3)
    work = Work(order)
    memory = order.memory.copy()
    trace = order.hash
    assert work.state(0) == keccak256(memory_tree(memory)[0] + trace)
    for index in range(6):
        results, end = naive(order.program[index % 3 : index % 3 + 1], memory)
        memory = np.frombuffer(end, np.uint8).reshape(memory.shape).copy()
        trace = keccak256(trace + results[0])
        assert work.state(index + 1) == keccak256(memory_tree(memory)[0] + trace)
    statement = work.statement
    assert (statement.final_memory, statement.final_trace) == (memory_tree(memory)[0], trace)


def test_proofs__of_checkpoints_and_cells__lead_to_their_roots() -> None:
    work = Work(network_order(5, 16))
    for checkpoint in range(1, 6):
        shown = leaf(checkpoint - 1, work.state(16 * checkpoint))
        assert verify(work.checkpoint_proof(checkpoint), work.statement.states, shown)
    for operation in range(0, 80, 7):
        proof = work.operation_proof(operation)
        op = work.order.program[operation % 16]
        assert state_hash(proof.memory_root, proof.trace) == work.state(operation)
        assert verify(
            proof.instruction_proof, work.statement.program, leaf(operation % 16, proof.instruction)
        )
        cells = [(op.a, proof.a), (op.target, proof.target)]
        if op.opcode in (Opcode.MULTIPLY_ACCUMULATE, Opcode.ADD):
            cells.append((op.b, proof.b))
        for index, cell in cells:
            assert verify(cell.proof, proof.memory_root, leaf(index, cell.word))


def test_order__anything_of_it_changed__has_another_hash() -> None:
    orders = [
        network_order(4, 16),
        network_order(5, 16),
        network_order(4, 17),
        network_order(4, 16, seed=1),
        Order(
            (*network_order(4, 16).program[:15], Instruction(Opcode.RELU, 0, 0)),
            network_order(4, 16).memory,
            4,
        ),
    ]
    assert len({order.hash for order in orders}) == len(orders)


@pytest.mark.parametrize(("checkpoints", "operations"), [(0, 1), (-1, 1), (1, 0), (2**32, 1), (1, 2**32)])
def test_order__of_counts_that_are_none__is_refused(checkpoints: int, operations: int) -> None:
    with pytest.raises(EncodingError):
        network_order(checkpoints, operations)


@pytest.mark.parametrize("operation", [0, 15, 16, 40, 63])
def test_work__with_a_fault__takes_over_from_right_work_what_comes_before(operation: int) -> None:
    order = network_order(4, 16)
    honest = Work(order)
    alone, shared = Work(order, Fault(operation)), Work(order, Fault(operation), like=honest)
    states = [alone.state(index) for index in range(65)]
    assert states == [shared.state(index) for index in range(65)]
    assert alone.statement == shared.statement
    # Once they differ they differ for good, whatever the operations after the fault do.
    same = [state == honest.state(index) for index, state in enumerate(states)]
    assert same == [True] * (operation + 1) + [False] * (64 - operation)


@pytest.mark.parametrize("operation", [-1, 64])
def test_fault__outside_the_work__is_refused(operation: int) -> None:
    with pytest.raises(EncodingError):
        Work(network_order(4, 16), Fault(operation))


# The game


class Notes:
    """A table that only writes down."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.proven: int | None = None

    def query(self, index: int) -> None:
        self.asked.append(index)

    def answer(self, state: bytes, proof: list[bytes]) -> None:
        pass

    def prove(self, operation: int, shown: OperationProof) -> None:
        self.proven = operation


class Anything:
    """Plays both sides without any work behind it: what differs, differs after `fault`."""

    def __init__(self, fault: int) -> None:
        self.fault = fault

    def answer(self, index: int) -> tuple[bytes, list[bytes]]:
        return index.to_bytes(32, "big"), []

    def believes(self, index: int, state: bytes) -> bool:
        assert int.from_bytes(state, "big") == index
        return index <= self.fault

    def operation_proof(self, operation: int) -> OperationProof:
        assert operation == self.fault
        nothing: list[bytes] = []
        return OperationProof(b"", b"", b"", nothing, *[None] * 3)  # type: ignore[arg-type]


@given(st.integers(1, 5_000), st.integers(1, 5_000), st.data())
@settings(max_examples=300, deadline=None)
def test_play__any_fault_in_any_instance__ends_there_in_few_enough_rounds(
    checkpoints: int, operations: int, data: st.DataObject
) -> None:
    fault = data.draw(st.integers(0, checkpoints * operations - 1))
    notes, both = Notes(), Anything(fault)
    outcome = play(notes, both, both, checkpoints, operations)
    assert (outcome.operation, notes.proven) == (fault, fault)
    assert (
        outcome.rounds
        == len(notes.asked)
        <= math.ceil(math.log2(checkpoints)) + math.ceil(math.log2(operations))
    )
    # First checkpoints alone, then inside the one.
    inside = [index % operations != 0 for index in notes.asked]
    assert operations == 1 or inside == sorted(inside)


def test_most_rounds__of_the_demo__is_22() -> None:
    assert most_rounds(1_024, 4_096) == 22
    assert (most_rounds(1, 1), most_rounds(3, 5), most_rounds(8, 16)) == (0, 5, 7)


def test_interval__of_checkpoints__is_cut_between_checkpoints_then_inside_one() -> None:
    game = Interval(0, 24, 8)
    assert game.middle() == 8
    assert Interval(8, 24, 8).middle() == 16
    assert Interval(8, 16, 8).middle() == 12
    assert Interval(8, 24, 8, asked=16).kept(right=True) == Interval(16, 24, 8)
    assert Interval(8, 24, 8, asked=16).kept(right=False) == Interval(8, 16, 8)


def test_challenger__that_did_the_same_work__has_nothing_to_dispute() -> None:
    order = network_order(4, 16)
    honest, again, cheat = Work(order), Work(order), Work(order, Fault(63))
    assert not WorkChallenger(honest).disputes(again.statement)
    assert WorkChallenger(honest).disputes(cheat.statement)


def test_liar__about_right_work__ends_up_with_the_operation_it_lies_about() -> None:
    honest, notes = Work(network_order(4, 16)), Notes()
    play(notes, WorkSolver(honest), LyingChallenger(honest, 37), 4, 16)
    assert notes.proven == 37
