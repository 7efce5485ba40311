// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Packed figures: 18 bytes each, agreement uint64 then units uint80, big-endian
library Figures {
    uint256 internal constant SIZE = 18;
    uint256 internal constant MAX = 256;

    /// @notice Figure `index`. The caller has checked that it lies inside.
    function read(bytes calldata figures, uint256 index) internal pure returns (uint64 agreement, uint80 units) {
        uint256 word;
        // Reads 32 bytes of calldata, of which the first 18 are the figure; bytes past the end read as zero and are cut.
        assembly ("memory-safe") {
            word := calldataload(add(figures.offset, mul(index, 18)))
        }
        agreement = uint64(word >> 192);
        units = uint80(word >> 112);
    }

    /// @notice The first of `count` figures whose agreement number is not above the one before it, the first's not above 0;
    /// `count` when all rise.
    function firstFall(bytes calldata figures, uint256 count) internal pure returns (uint256 index) {
        // Assembly because every leaf of a post pays for it.
        assembly ("memory-safe") {
            let last := 0
            let at := figures.offset
            for {} lt(index, count) { index := add(index, 1) } {
                let agreement := shr(192, calldataload(at))
                if iszero(gt(agreement, last)) { break }
                last := agreement
                at := add(at, 18)
            }
        }
    }

    /// @notice What the 18 bytes of one figure say.
    function unpack(bytes18 figure) internal pure returns (uint64 agreement, uint80 units) {
        uint144 word = uint144(figure);
        return (uint64(word >> 80), uint80(word));
    }

    /// @notice The 18 bytes of one figure.
    function pack(uint64 agreement, uint80 units) internal pure returns (bytes18) {
        return bytes18((uint144(agreement) << 80) | units);
    }

    /// @notice Room for `count` figures, to be written in order by {write} and cut by {cut}.
    function room(uint256 count) internal pure returns (bytes memory) {
        return new bytes(count * SIZE + 32 - SIZE);
    }

    /// @notice Writes a figure at `index`, and zeros over the start of the next.
    function write(bytes memory figures, uint256 index, bytes18 figure) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(figures, 0x20), mul(index, 18)), figure)
        }
    }

    /// @notice Keeps the first `count` figures.
    function cut(bytes memory figures, uint256 count) internal pure {
        assembly ("memory-safe") {
            mstore(figures, mul(count, 18))
        }
    }
}
