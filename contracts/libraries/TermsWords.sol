// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {Terms} from "../types/EscrowTypes.sol";
import {TypeHashes} from "./TypeHashes.sol";

/// @title Terms as the seventeen words that they are in memory
/// @notice All fields are static, so these words are what EIP-712 hashes and what the event holds: copying them saves
/// thousands of gas an opening against encoding them anew. They were checked when they came from calldata.
library TermsWords {
    /// @dev 17 words.
    uint256 private constant SIZE = 544;

    /// @notice Copies `raw` into `terms`; reverts with nothing, as the ABI decoder does, when a word is wider than its field.
    /// One memory place serves all items of a call, and one comparison all fields of one width.
    function load(Terms memory terms, Terms calldata raw) internal pure {
        assembly ("memory-safe") {
            calldatacopy(terms, raw, SIZE)
            // customer, funder, operator, payee, start, expiry
            let wide :=
                or(or(mload(terms), mload(add(terms, 0x20))), or(mload(add(terms, 0x40)), mload(add(terms, 0x60))))
            wide := shr(32, or(wide, or(mload(add(terms, 0x160)), mload(add(terms, 0x180)))))
            // mode
            wide := or(wide, shr(1, mload(add(terms, 0x80))))
            // policy, maxFeeProvider, maxFeeCustomer
            wide := or(wide, shr(16, or(mload(add(terms, 0xa0)), or(mload(add(terms, 0xc0)), mload(add(terms, 0xe0))))))
            // unitPrice, budget, maxBudget
            wide := or(
                wide,
                shr(56, or(mload(add(terms, 0x100)), or(mload(add(terms, 0x120)), mload(add(terms, 0x140)))))
            )
            // workHash and the two nonces are whole words; deadline
            wide := or(wide, shr(40, mload(add(terms, 0x200))))
            if wide { revert(0, 0) }
        }
    }

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
