"""The operation that the chain executes, against numpy and against plain integers: random tensors and the extremes."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from tallystick.protocol.bisection.machine import Instruction, Machine, Opcode
from tests.support.evm import Bound, Evm

INT8 = (-128, -127, -1, 0, 1, 127)
INT32 = (-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 1)
NOTHING = bytes(32)


@pytest.fixture(scope="module")
def machine() -> Bound:
    return Evm().deploy("TensorMachineMock")


def execute(
    machine: Bound, op: Instruction, a: bytes, b: bytes = NOTHING, old: bytes = NOTHING
) -> tuple[bytes, bytes]:
    result, word = machine.call("execute", op.encode(), a, b, old)
    return result, word


def in_numpy(op: Instruction, a: bytes, b: bytes, old: bytes) -> tuple[bytes, bytes]:
    """The same by the Python machine: cells 0, 1, 2 are a, b, target."""
    memory = np.frombuffer(a + b + old, np.uint8).reshape(3, 32).copy()
    result = Machine([op], 3).run(memory)
    return result, memory[2].tobytes()


def int8s(values) -> bytes:
    return np.array(values, np.int8).tobytes()


def int32s(values) -> bytes:
    return np.array(values, ">i4").tobytes()


def lanes8(word: bytes) -> list[int]:
    return [int.from_bytes(word[i : i + 1], "big", signed=True) for i in range(32)]


def lanes32(word: bytes) -> list[int]:
    return [int.from_bytes(word[i : i + 4], "big", signed=True) for i in range(0, 32, 4)]


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def drawn(seed: int, count: int) -> list[bytes]:
    """Words of which every third is made of extremes."""
    draw = np.random.default_rng(seed)
    words = [draw.integers(0, 256, 32, np.uint8).tobytes() for _ in range(count)]
    words[::3] = [
        int32s(draw.choice(INT32, 8)) if i % 2 else int8s(draw.choice(INT8, 32))
        for i in range(len(words[::3]))
    ]
    return words


def op_of(opcode: Opcode, **fields: int) -> Instruction:
    return Instruction(opcode, target=2, a=0, b=1, **fields)


@pytest.mark.parametrize("lane", range(8))
def test_multiply_accumulate__random_and_extreme_tensors__is_numpys_and_wraps(
    machine: Bound, lane: int
) -> None:
    op = op_of(Opcode.MULTIPLY_ACCUMULATE, lane=lane)
    words = drawn(lane, 60)
    for a, b, old in zip(words[:20], words[20:40], words[40:], strict=True):
        result, word = execute(machine, op, a, b, old)
        lanes = lanes32(old)
        lanes[lane] = wrap(lanes[lane] + sum(x * y for x, y in zip(lanes8(a), lanes8(b), strict=True)))
        assert word == int32s(lanes)
        assert result == (lanes[lane] % 2**32).to_bytes(32, "big")
        assert (result, word) == in_numpy(op, a, b, old)


@pytest.mark.parametrize(
    ("start", "a", "b", "sum_"),
    [
        (0, -128, -128, 524_288),  # 32 x 16 384, the largest
        (0, -128, 127, -520_192),
        (2**31 - 1, 127, 127, -2_147_483_648 + 516_127),  # wraps
        (-(2**31), -128, 127, 2**31 - 520_192),
        (5, 0, 127, 5),
    ],
)
def test_multiply_accumulate__by_hand(machine: Bound, start: int, a: int, b: int, sum_: int) -> None:
    op = op_of(Opcode.MULTIPLY_ACCUMULATE, lane=3)
    old = int32s([7, 7, 7, start, 7, 7, 7, 7])
    _, word = execute(machine, op, int8s([a] * 32), int8s([b] * 32), old)
    assert lanes32(word) == [7, 7, 7, sum_, 7, 7, 7, 7]


def test_add__random_and_extreme_tensors__is_numpys_and_wraps(machine: Bound) -> None:
    op = op_of(Opcode.ADD)
    words = drawn(50, 120)
    for a, b, old in zip(words[:40], words[40:80], words[80:], strict=True):
        found = execute(machine, op, a, b, old)
        sums = int32s([wrap(x + y) for x, y in zip(lanes32(a), lanes32(b), strict=True)])
        assert found == (sums, sums) == in_numpy(op, a, b, old)


def test_add__beyond_int32__wraps_by_hand(machine: Bound) -> None:
    a = int32s([2**31 - 1, -(2**31), -1, 1, 0, 2**30, -(2**30) - 1, 5])
    b = int32s([1, -1, 1, -1, 0, 2**30, -(2**30), 6])
    _, word = execute(machine, op_of(Opcode.ADD), a, b)
    assert lanes32(word) == [-(2**31), 2**31 - 1, 0, 0, 0, -(2**31), 2**31 - 1, 11]


def test_relu__random_and_extreme_tensors__is_numpys(machine: Bound) -> None:
    op = op_of(Opcode.RELU)
    words = drawn(60, 80)
    for a, old in zip(words[:40], words[40:], strict=True):
        kept = int32s([max(0, x) for x in lanes32(a)])
        assert execute(machine, op, a, NOTHING, old) == (kept, kept) == in_numpy(op, a, NOTHING, old)
    extremes = int32s([-(2**31), -1, 0, 1, 2**31 - 1, -5, 5, -(2**31) + 1])
    assert lanes32(execute(machine, op, extremes)[1]) == [0, 0, 0, 1, 2**31 - 1, 0, 5, 0]


def requantised(value: int, op: Instruction) -> int:
    """By the definition, in rational numbers: half up, then clamped."""
    exact = Fraction(value * op.multiplier, 2**op.shift)
    return max(-128, min(127, floor(exact + Fraction(1, 2)) + op.zero))


@pytest.mark.parametrize("lane", range(4))
def test_requantise__random_and_extreme_tensors__is_numpys(machine: Bound, lane: int) -> None:
    draw = np.random.default_rng(70 + lane)
    words = drawn(70 + lane, 80)
    for a, old in zip(words[:40], words[40:], strict=True):
        op = op_of(
            Opcode.REQUANTISE,
            lane=lane,
            multiplier=int(draw.choice([0, 1, 2, 1_249, 2**30 + 1, 2**31 - 1])),
            shift=int(draw.choice([0, 1, 2, 19, 30, 31, 32, 45, 61, 62])),
            zero=int(draw.choice(INT8)),
        )
        result, word = execute(machine, op, a, NOTHING, old)
        eight = int8s([requantised(value, op) for value in lanes32(a)])
        assert result == bytes(24) + eight
        assert word == old[: 8 * lane] + eight + old[8 * lane + 8 :]
        assert (result, word) == in_numpy(op, a, NOTHING, old)


def test_requantise__halves_and_bounds__by_hand(machine: Bound) -> None:
    quarter = op_of(Opcode.REQUANTISE, multiplier=1, shift=2)
    # 1.5 -> 2, 0.5 -> 1, -0.5 -> 0, -1.5 -> -1, 0.25 -> 0, -0.75 -> -1; 127.5 -> 128 -> 127, -128.75 -> -129 -> -128
    _, word = execute(machine, quarter, int32s([6, 2, -2, -6, 1, -3, 510, -515]))
    assert lanes8(word)[:8] == [2, 1, 0, -1, 0, -1, 127, -128]
    shifted = op_of(Opcode.REQUANTISE, multiplier=1, shift=0, zero=-100)
    _, word = execute(machine, shifted, int32s([0, 227, 228, -28, -29, 2**31 - 1, -(2**31), 100]))
    assert lanes8(word)[:8] == [-100, 127, 127, -128, -128, 127, -128, 0]


def test_requantise__any_shift_and_multiplier__has_a_meaning(machine: Bound) -> None:
    """The chain decides also what the Python machine refuses to run: no field of an instruction stops it."""
    for shift in (63, 64, 128, 254, 255):
        op = op_of(Opcode.REQUANTISE, multiplier=2**32 - 1, shift=shift)
        values = [-(2**31), -1, 0, 1, 2**31 - 1, 7, -7, 2**30]
        _, word = execute(machine, op, int32s(values))
        assert lanes8(word)[:8] == [requantised(value, op) for value in values]


def test_lanes__beyond_the_last__are_taken_modulo(machine: Bound) -> None:
    a, b, old = drawn(80, 3)
    for lane in (8, 13, 255):
        found = execute(machine, op_of(Opcode.MULTIPLY_ACCUMULATE, lane=lane), a, b, old)
        assert found == execute(machine, op_of(Opcode.MULTIPLY_ACCUMULATE, lane=lane % 8), a, b, old)
        wide = op_of(Opcode.REQUANTISE, lane=lane, multiplier=3, shift=9)
        narrow = op_of(Opcode.REQUANTISE, lane=lane % 4, multiplier=3, shift=9)
        assert execute(machine, wide, a, NOTHING, old) == execute(machine, narrow, a, NOTHING, old)
