"""A small quantised network as a program: layers of int8 matrix times vector into int32, bias, ReLU, requantise.

One layer is applied over and over, as a recurrent network is: its output is the next one's input. A program of N
operations is as many layers as fit, the last one cut off; a checkpoint is one run of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ..hashing import keccak256
from .machine import WORD, Instruction, Memory, Opcode

__all__ = ["Network", "build_network"]

NARROW: Final = 8  # neurons
WIDE: Final = 64
SHIFT: Final = 19
MULTIPLIERS: Final = {NARROW: 3_495, WIDE: 1_249}  # / 2^19: a typical sum becomes about 60
ZERO: Final = -4


class Network(NamedTuple):
    """What both parties agree on: the instructions of one checkpoint, and the memory at the start."""

    program: tuple[Instruction, ...]
    memory: Memory


def build_network(operations: int, seed: int = 0) -> Network:
    """A network whose program has `operations` instructions: 64 neurons wide where a whole layer fits, else 8."""
    wide = Layout(WIDE)
    layout = wide if operations >= len(wide.layer(0)) else Layout(NARROW)
    program: list[Instruction] = []
    while len(program) < operations:
        program += layout.layer(len(program) // len(layout.layer(0)))
    return Network(tuple(program[:operations]), layout.memory(seed))


class Layout:
    """Where a network of some width has its tensors."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.blocks = width // 8  # words of 8 int32
        self.slices = -(-width // 32)  # words of 32 int8
        self.drive = 0
        self.bias = self.drive + self.blocks
        self.sums = self.bias + self.blocks
        self.activations = (self.sums + self.blocks, self.sums + self.blocks + self.slices)
        self.weights = self.activations[1] + self.slices
        self.used = self.weights + width * self.slices
        self.cells = 1 << (self.used - 1).bit_length()

    def layer(self, number: int) -> list[Instruction]:
        """The operations of a layer; even ones read the first activations and write the second."""
        source, result = self.activations[number % 2], self.activations[1 - number % 2]
        blocks, slices = range(self.blocks), range(self.slices)
        add = [
            Instruction(Opcode.ADD, self.sums + block, self.bias + block, self.drive + block)
            for block in blocks
        ]
        multiply = [
            Instruction(
                Opcode.MULTIPLY_ACCUMULATE,
                target=self.sums + neuron // 8,
                a=source + part,
                b=self.weights + neuron * self.slices + part,
                lane=neuron % 8,
            )
            for part in slices
            for neuron in range(self.width)
        ]
        relu = [Instruction(Opcode.RELU, self.sums + block, self.sums + block) for block in blocks]
        requantise = [
            Instruction(
                Opcode.REQUANTISE,
                target=result + block // 4,
                a=self.sums + block,
                lane=block % 4,
                multiplier=MULTIPLIERS[self.width],
                shift=SHIFT,
                zero=ZERO,
            )
            for block in blocks
        ]
        return [*add, *multiply, *relu, *requantise]

    def memory(self, seed: int) -> Memory:
        """Weights, biases, drive and the first activations, all drawn from `seed`; the rest is zero."""
        cells = np.zeros((self.cells, WORD), np.uint8)
        drawn = _draw(seed, self.used)
        lanes = min(self.width, 32)
        for cell in (*range(self.activations[0], self.activations[1]), *range(self.weights, self.used)):
            cells[cell, :lanes] = drawn[cell, :lanes]
        for cell in range(self.drive, self.sums):  # int32 of 14 bits
            cells.view(">i4")[cell] = drawn.view(">i4")[cell] >> 18
        return cells


def _draw(seed: int, cells: int) -> Memory:
    """Uniform bytes that only `seed` decides."""
    words = [keccak256(b"network %d %d" % (seed, cell)) for cell in range(cells)]
    return np.frombuffer(b"".join(words), np.uint8).reshape(cells, WORD)
