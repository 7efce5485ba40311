"""An order, how somebody carries it out, and what that commits to.

A state's index is the number of operations done before it, from 0 to checkpoints x operations. Memory and trace are
kept at the beginning of each checkpoint; what lies between is done again when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from ..errors import EncodingError
from ..hashing import keccak256
from .machine import (
    WORD,
    Instruction,
    Machine,
    Memory,
    Opcode,
    indexed_tree,
    next_trace,
    prove,
    state_hash,
    write_result,
)
from .network import build_network
from .statement import CellProof, OperationProof, Statement

__all__ = ["Fault", "Order", "Work", "network_order"]

ORDER_TAG: Final = keccak256(b"Tallystick work order v1")
MAX_COUNT: Final = 2**32 - 1


@dataclass(frozen=True)
class Order:
    """What both parties sign for: a program, its input, and how often it is run."""

    program: tuple[Instruction, ...]
    memory: Memory
    checkpoints: int
    machine: Machine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.checkpoints <= MAX_COUNT:
            raise EncodingError(f"{self.checkpoints} checkpoints are not 1 to {MAX_COUNT}.")
        object.__setattr__(self, "machine", Machine(self.program, len(self.memory)))

    @property
    def operations(self) -> int:
        """Of one checkpoint."""
        return len(self.program)

    @property
    def total(self) -> int:
        """Operations of all checkpoints: the index of the final state."""
        return self.checkpoints * self.operations

    @cached_property
    def program_tree(self) -> list[bytes]:
        return indexed_tree([each.encode() for each in self.program])

    @cached_property
    def input_root(self) -> bytes:
        return memory_tree(self.memory)[0]

    @cached_property
    def hash(self) -> bytes:
        """What Terms.workHash is."""
        counts = self.checkpoints.to_bytes(32, "big") + self.operations.to_bytes(32, "big")
        return keccak256(ORDER_TAG + self.program_tree[0] + self.input_root + counts)


def network_order(checkpoints: int, operations: int, seed: int = 0) -> Order:
    """An order of the small network. Raises EncodingError for counts that are none."""
    if not 0 < operations <= MAX_COUNT:
        raise EncodingError(f"{operations} operations are not 1 to {MAX_COUNT}.")
    return Order(*build_network(operations, seed), checkpoints)


@dataclass(frozen=True)
class Fault:
    """A wrong result of one operation; the right one with its lowest bit turned when `result` is left out."""

    operation: int
    result: bytes | None = None


class Work:
    """An order carried out: rightly, or with a fault after which everything is computed from what was written."""

    def __init__(self, order: Order, fault: Fault | None = None, like: Work | None = None) -> None:
        """:param like: the same order carried out rightly, from which what comes before the fault is taken.

        Raises EncodingError when the fault is outside the work.
        """
        if fault is not None and not 0 <= fault.operation < order.total:
            raise EncodingError(f"There is no operation {fault.operation} of {order.total}.")
        self.order = order
        self.fault = fault
        self._memories: list[Memory] = [order.memory]
        self._traces: list[bytes] = [order.hash]
        self._states: list[bytes] = [state_hash(order.input_root, order.hash)]
        shared = 0
        if fault is not None and like is not None:
            shared = fault.operation // order.operations
            self._memories = like._memories[: shared + 1]
            self._traces = like._traces[: shared + 1]
            self._states = like._states[: shared + 1]
        for checkpoint in range(shared, order.checkpoints):
            memory, trace = self._within(checkpoint, order.operations)
            self._memories.append(memory)
            self._traces.append(trace)
            self._states.append(state_hash(memory_tree(memory)[0], trace))

    @cached_property
    def checkpoint_tree(self) -> list[bytes]:
        """Over the states after each checkpoint."""
        return indexed_tree(self._states[1:])

    @cached_property
    def statement(self) -> Statement:
        order = self.order
        return Statement(
            program=order.program_tree[0],
            input=order.input_root,
            checkpoints=order.checkpoints,
            operations=order.operations,
            states=self.checkpoint_tree[0],
            final_memory=memory_tree(self._memories[-1])[0],
            final_trace=self._traces[-1],
        )

    def state(self, index: int) -> bytes:
        """The state after `index` operations."""
        checkpoint, inside = divmod(index, self.order.operations)
        if inside == 0:
            return self._states[checkpoint]
        memory, trace = self._within(checkpoint, inside)
        return state_hash(memory_tree(memory)[0], trace)

    def checkpoint_proof(self, checkpoint: int) -> list[bytes]:
        """That `state(checkpoint x operations)` is what the statement commits to; from 1."""
        return prove(self.checkpoint_tree, checkpoint - 1)

    def operation_proof(self, operation: int) -> OperationProof:
        """What the chain needs in order to execute one operation on this work's state before it."""
        order = self.order
        checkpoint, inside = divmod(operation, order.operations)
        memory, trace = self._within(checkpoint, inside)
        nodes = memory_tree(memory)
        each = order.program[inside]

        def cell(index: int) -> CellProof:
            return CellProof(bytes(memory[index]), prove(nodes, index))

        binary = each.opcode in (Opcode.MULTIPLY_ACCUMULATE, Opcode.ADD)
        return OperationProof(
            memory_root=nodes[0],
            trace=trace,
            instruction=each.encode(),
            instruction_proof=prove(order.program_tree, inside),
            a=cell(each.a),
            b=cell(each.b) if binary else CellProof(bytes(WORD), []),
            target=cell(each.target),
        )

    def memory(self, index: int) -> Memory:
        """The memory after `index` operations, to look at."""
        checkpoint, inside = divmod(index, self.order.operations)
        return self._within(checkpoint, inside)[0]

    def _within(self, checkpoint: int, inside: int) -> tuple[Memory, bytes]:
        """Memory and trace after `inside` operations of a checkpoint."""
        machine = self.order.machine
        memory, trace = self._memories[checkpoint].copy(), self._traces[checkpoint]
        wrong = -1 if self.fault is None else self.fault.operation - checkpoint * self.order.operations
        if self.fault is None or not 0 <= wrong < inside:
            return memory, next_trace(trace, machine.run(memory, 0, inside))
        trace = next_trace(trace, machine.run(memory, 0, wrong))
        right = machine.run(memory, wrong, wrong + 1)
        result = self.fault.result if self.fault.result is not None else right[:-1] + bytes([right[-1] ^ 1])
        write_result(memory, machine.program[wrong], result)
        trace = next_trace(trace, result)
        return memory, next_trace(trace, machine.run(memory, wrong + 1, inside))


def memory_tree(memory: Memory) -> list[bytes]:
    """All nodes over the cells, the root first."""
    raw = memory.tobytes()
    return indexed_tree(_words(raw))


def _words(raw: bytes) -> Sequence[bytes]:
    return [raw[at : at + WORD] for at in range(0, len(raw), WORD)]
