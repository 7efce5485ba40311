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
}
