"""The machine of `contracts/libraries/TensorMachine.sol` on numpy, and the hashes of `WorkHashes.sol`.

Memory is cells x 32 bytes: 32 lanes of int8 or 8 lanes of int32, big-endian. One operation writes at most one cell.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError
from ..hashing import keccak256
from ..merkle import proof_from, tree

__all__ = [
    "WORD",
    "Instruction",
    "Machine",
    "Memory",
    "Opcode",
    "indexed_tree",
    "leaf",
    "next_trace",
    "prove",
    "state_hash",
    "write_result",
]

WORD: Final = 32  # bytes
MAX_CELLS: Final = 2**16
MAX_SHIFT: Final = 62  # beyond it a product of int32 and multiplier needs more than 64 bits

Memory = npt.NDArray[np.uint8]
"""cells x 32 bytes."""
_Places = npt.NDArray[np.intp]

_PACKED = struct.Struct(">12xbBIIIIBB").pack
_LEAF = struct.Struct(">I").pack


class Opcode(IntEnum):
    """What the chain can execute."""

    MULTIPLY_ACCUMULATE = 1
    ADD = 2
    RELU = 3
    REQUANTISE = 4


class Instruction(NamedTuple):
    """One operation. `lane` is that of 8 int32 (MULTIPLY_ACCUMULATE) or of 4 quarters (REQUANTISE)."""

    opcode: Opcode
    target: int
    a: int
    b: int = 0
    lane: int = 0
    multiplier: int = 0
    shift: int = 0
    zero: int = 0

    def encode(self) -> bytes:
        """The word that the program's tree holds."""
        return _PACKED(
            self.zero, self.shift, self.multiplier, self.b, self.a, self.target, self.lane, self.opcode
        )


def leaf(index: int, word: bytes) -> bytes:
    """A leaf of any of the trees: bound to its place, and 36 bytes long, so never an inner node."""
    return keccak256(_LEAF(index) + word)


def indexed_tree(words: Sequence[bytes]) -> list[bytes]:
    """All nodes over `words`, the root first. Raises EncodingError without words."""
    return tree([leaf(index, word) for index, word in enumerate(words)])


def prove(nodes: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings of a word in what `indexed_tree` returned."""
    return proof_from(nodes, index)


def state_hash(memory_root: bytes, trace: bytes) -> bytes:
    """A state: its memory and its running hash."""
    return keccak256(memory_root + trace)


def next_trace(trace: bytes, results: bytes) -> bytes:
    """The running hash after operations with these results, 32 bytes each."""
    for at in range(0, len(results), WORD):
        trace = keccak256(trace + results[at : at + WORD])
    return trace


def write_result(memory: Memory, instruction: Instruction, result: bytes) -> None:
    """Puts an operation's result, right or wrong, where the operation writes."""
    row = memory[instruction.target]
    value = np.frombuffer(result, np.uint8)
    if instruction.opcode == Opcode.MULTIPLY_ACCUMULATE:
        row[4 * instruction.lane : 4 * instruction.lane + 4] = value[28:]
    elif instruction.opcode == Opcode.REQUANTISE:
        row[8 * instruction.lane : 8 * instruction.lane + 8] = value[24:]
    else:
        row[:] = value


@dataclass(frozen=True)
class _Stretch:
    """Consecutive operations of one opcode that do not touch what another of them wrote: numpy does them at once."""

    start: int
    stop: int
    opcode: Opcode
    target: _Places
    a: _Places
    b: _Places
    lane: _Places
    multiplier: npt.NDArray[np.int64]
    half: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    zero: npt.NDArray[np.int64]

    @classmethod
    def of(cls, start: int, ops: Sequence[Instruction]) -> _Stretch:
        def column(values: Sequence[int]) -> npt.NDArray[np.int64]:
            return np.array(values, np.int64).reshape(-1, 1)

        return cls(
            start=start,
            stop=start + len(ops),
            opcode=ops[0].opcode,
            target=np.array([op.target for op in ops], np.intp),
            a=np.array([op.a for op in ops], np.intp),
            b=np.array([op.b for op in ops], np.intp),
            lane=np.array([op.lane for op in ops], np.intp),
            multiplier=column([op.multiplier for op in ops]),
            half=column([1 << op.shift >> 1 for op in ops]),
            shift=column([op.shift for op in ops]),
            zero=column([op.zero for op in ops]),
        )

    def run(self, memory: Memory, first: int, last: int, results: Memory) -> None:
        """Does operations `first` to before `last` of it; `results` has a zeroed row for each."""
        part = slice(first, last)
        target, a, lane = self.target[part], self.a[part], self.lane[part]
        wide, result = memory.view(">i4"), results.view(">i4")
        if self.opcode == Opcode.MULTIPLY_ACCUMULATE:
            small = memory.view(np.int8)
            products = small[a].astype(np.int32) * small[self.b[part]]
            sums = wide[target, lane].astype(np.int32) + products.sum(axis=1, dtype=np.int32)
            wide[target, lane] = result[:, 7] = sums
        elif self.opcode == Opcode.ADD:
            wide[target] = result[:] = wide[a].astype(np.int32) + wide[self.b[part]].astype(np.int32)
        elif self.opcode == Opcode.RELU:
            wide[target] = result[:] = np.maximum(wide[a], 0)
        else:
            scaled = wide[a].astype(np.int64) * self.multiplier[part] + self.half[part]
            values = np.clip((scaled >> self.shift[part]) + self.zero[part], -128, 127).astype(np.int8)
            memory.reshape(-1, 4, 8)[target, lane] = results[:, 24:] = values.view(np.uint8)


class Machine:
    """A checked program, ready to run any part of itself."""

    def __init__(self, program: Sequence[Instruction], cells: int) -> None:
        """Raises EncodingError for an instruction that does not fit `cells` or its fields."""
        if not 0 < cells <= MAX_CELLS:
            raise EncodingError(f"{cells} memory cells are not 1 to {MAX_CELLS}.")
        if not program:
            raise EncodingError("A program needs at least one instruction.")
        for index, op in enumerate(program):
            if not _fits(op, cells):
                raise EncodingError(f"Instruction {index} does not fit {cells} cells: {op}.")
        self.program = tuple(program)
        self.cells = cells
        self._stretches = [_Stretch.of(*each) for each in _stretches(self.program)]

    def __len__(self) -> int:
        return len(self.program)

    def run(self, memory: Memory, start: int = 0, stop: int | None = None) -> bytes:
        """Does operations `start` to before `stop` in place; returns their results, 32 bytes each."""
        end = len(self.program) if stop is None else stop
        results = np.zeros((max(end - start, 0), WORD), np.uint8)
        for each in self._stretches:
            first, last = max(each.start, start), min(each.stop, end)
            if first < last:
                rows = results[first - start : last - start]
                each.run(memory, first - each.start, last - each.start, rows)
        return results.tobytes()


def _fits(op: Instruction, cells: int) -> bool:
    lanes = 8 if op.opcode == Opcode.MULTIPLY_ACCUMULATE else 4
    return (
        op.opcode in Opcode.__members__.values()
        and all(0 <= cell < cells for cell in (op.target, op.a, op.b))
        and 0 <= op.lane < lanes
        and 0 <= op.multiplier < 2**31
        and 0 <= op.shift <= MAX_SHIFT
        and -128 <= op.zero < 128
    )


def _stretches(program: Sequence[Instruction]) -> list[tuple[int, Sequence[Instruction]]]:
    """Cuts a program where the opcode changes, or an operation reads or writes again what its stretch has written."""
    cuts, written, places = [0], set[int](), set[tuple[int, int]]()
    for index, op in enumerate(program):
        place = (op.target, op.lane)
        reads = {op.a} if op.opcode in (Opcode.RELU, Opcode.REQUANTISE) else {op.a, op.b}
        if index and (op.opcode != program[cuts[-1]].opcode or reads & written or place in places):
            cuts.append(index)
            written, places = set(), set()
        written.add(op.target)
        places.add(place)
    return [(start, program[start:stop]) for start, stop in zip(cuts, [*cuts[1:], len(program)], strict=True)]
