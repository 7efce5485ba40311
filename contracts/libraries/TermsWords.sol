// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {Terms} from "../types/DataTypes.sol";
import {TypeHashes} from "./TypeHashes.sol";

/// @title Terms as the seventeen words that they are in memory
/// @notice All fields are static, so these words are what EIP-712 hashes and what the event holds: copying them saves
/// thousands of gas an opening against encoding them anew. They were checked and cleaned when they came from calldata.
library TermsWords {
    /// @dev 17 words.
    uint256 private constant SIZE = 544;

    /// @notice EIP-712 struct hash.
    function hash(Terms memory terms) internal pure returns (bytes32 result) {
        bytes32 typeHash = TypeHashes.TERMS;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, typeHash)
            mcopy(add(data, 0x20), terms, SIZE)
            result := keccak256(data, add(SIZE, 0x20))
        }
    }

    /// @notice EIP-712 struct hash of a `Replacement` by Terms of this hash.
    function hashReplacement(uint64 old, uint80 finalUnits, bytes32 termsHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(TypeHashes.REPLACEMENT, old, finalUnits, termsHash));
    }

    /// @notice Emits {IEscrow-Opened}.
    function emitOpened(uint64 agreement, uint256 fees, uint256 start, Terms memory terms) internal {
        bytes32 topic = IEscrow.Opened.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, fees)
            mstore(add(data, 0x20), start)
            mcopy(add(data, 0x40), terms, SIZE)
            log2(data, add(SIZE, 0x40), topic, agreement)
        }
    }
}
