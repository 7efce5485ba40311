// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title One operation on int8 and int32 tensors
/// @notice Memory is made of words of 32 bytes: 32 lanes of int8, or 8 lanes of int32, the first lane in the highest bits, two's
/// complement. int32 sums wrap around, as they do in numpy and in hardware. Every instruction has a meaning, so that no operation
/// can be left undecided.
///
/// | opcode | | result | written |
/// | --- | --- | --- | --- |
/// | 1 | MULTIPLY_ACCUMULATE | int32 lane of target + sum over 32 lanes of a x b (int8) | that int32 lane |
/// | 2 | ADD | a + b, lane by lane (int32) | the word |
/// | 3 | RELU | max(a, 0), lane by lane (int32) | the word |
/// | 4 | REQUANTISE | clamp(round(a x multiplier / 2^shift) + zero, -128, 127), half up, of 8 int32 to 8 int8 | that quarter |
/// | other | NOP | 0 | nothing |
///
/// An instruction is one word: opcode in bits 0 to 7, lane 8 to 15 (of 8 int32 lanes, or of 4 quarters; higher bits are ignored),
/// target 16 to 47, a 48 to 79, b 80 to 111, multiplier 112 to 143 (unsigned), shift 144 to 151, zero 152 to 159 (int8).
library TensorMachine {
    uint8 internal constant MULTIPLY_ACCUMULATE = 1;
    uint8 internal constant ADD = 2;
    uint8 internal constant RELU = 3;
    uint8 internal constant REQUANTISE = 4;

    function opcode(bytes32 instruction) internal pure returns (uint8) {
        return uint8(uint256(instruction));
    }

    function target(bytes32 instruction) internal pure returns (uint32) {
        return uint32(uint256(instruction) >> 16);
    }

    function operandA(bytes32 instruction) internal pure returns (uint32) {
        return uint32(uint256(instruction) >> 48);
    }

    function operandB(bytes32 instruction) internal pure returns (uint32) {
        return uint32(uint256(instruction) >> 80);
    }

    /// @notice Whether the opcode reads and writes memory at all.
    function isNop(bytes32 instruction) internal pure returns (bool) {
        uint8 code = opcode(instruction);
        return code == 0 || code > REQUANTISE;
    }

    /// @notice Whether an opcode that is no NOP reads operand b.
    function isBinary(bytes32 instruction) internal pure returns (bool) {
        return opcode(instruction) <= ADD;
    }

    /// @notice The result, right-aligned in a word, which goes into the trace, and the target's new word. Not for a NOP.
    function execute(bytes32 instruction, bytes32 a, bytes32 b, bytes32 old)
        internal
        pure
        returns (bytes32 result, bytes32 word)
    {
        uint8 code = opcode(instruction);
        uint256 lane = uint256(uint8(uint256(instruction) >> 8));
        if (code == MULTIPLY_ACCUMULATE) {
            uint256 place = 224 - 32 * (lane & 7);
            result = bytes32(uint256(uint32(_accumulate(_int32(old, place), a, b))));
            word = _put(old, result, place, type(uint32).max);
        } else if (code == ADD) {
            result = word = _add(a, b);
        } else if (code == RELU) {
            result = word = _relu(a);
        } else {
            uint256 place = 192 - 64 * (lane & 3);
            result = _requantise(instruction, a);
            word = _put(old, result, place, type(uint64).max);
        }
    }

    /// @dev The int32 that ends at bit `place`.
    function _int32(bytes32 word, uint256 place) private pure returns (int32 value) {
        return int32(uint32(uint256(word) >> place));
    }

    /// @dev `word` with `value` in the bits of `mask`, both shifted left by `place`.
    function _put(bytes32 word, bytes32 value, uint256 place, uint256 mask) private pure returns (bytes32) {
        return bytes32((uint256(word) & ~(mask << place)) | (uint256(value) << place));
    }

    /// @dev `start` + the sum of 32 products of int8, as int32.
    function _accumulate(int32 start, bytes32 a, bytes32 b) private pure returns (int32) {
        // Unchecked: 32 products of at most 2^14 and an int32 are far below 2^255; what is above 32 bits is meant to go.
        unchecked {
            int256 sum = start;
            for (uint256 place = 0; place < 256; place += 8) {
                sum += int256(int8(uint8(uint256(a) >> place))) * int256(int8(uint8(uint256(b) >> place)));
            }
            return int32(uint32(uint256(sum)));
        }
    }

    function _add(bytes32 a, bytes32 b) private pure returns (bytes32) {
        uint256 sum = 0;
        // Unchecked: int32 sums wrap around.
        unchecked {
            for (uint256 place = 0; place < 256; place += 32) {
                sum |= uint256(uint32(_int32(a, place) + _int32(b, place))) << place;
            }
        }
        return bytes32(sum);
    }

    function _relu(bytes32 a) private pure returns (bytes32) {
        uint256 kept = 0;
        for (uint256 place = 0; place < 256; place += 32) {
            int32 value = _int32(a, place);
            if (value > 0) kept |= uint256(uint32(value)) << place;
        }
        return bytes32(kept);
    }

    /// @dev Eight int8 in the lowest 64 bits. Any multiplier and any shift have a meaning: |a x multiplier| < 2^63 and half of
    /// 2^shift is at most 2^254, so that nothing overflows. `>>` of a negative number rounds down, so this rounds half up.
    function _requantise(bytes32 instruction, bytes32 a) private pure returns (bytes32) {
        int256 multiplier = int256(uint256(uint32(uint256(instruction) >> 112)));
        uint256 shift = uint256(uint8(uint256(instruction) >> 144));
        int256 zero = int256(int8(uint8(uint256(instruction) >> 152)));
        int256 half = shift == 0 ? int256(0) : int256(1 << (shift - 1));
        uint256 packed = 0;
        for (uint256 lane = 0; lane < 8; ++lane) {
            int256 value = ((int256(_int32(a, 32 * lane)) * multiplier + half) >> shift) + zero;
            if (value > type(int8).max) value = type(int8).max;
            if (value < type(int8).min) value = type(int8).min;
            packed |= uint256(uint8(int8(value))) << (8 * lane);
        }
        return bytes32(packed);
    }
}
