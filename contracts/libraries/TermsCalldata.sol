// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {Terms} from "../types/DataTypes.sol";
import {TypeHashes} from "./TypeHashes.sol";

/// @title Terms straight from calldata
/// @notice All of the fields are static, so their ABI encoding is what EIP-712 hashes and what the event holds: copying it
/// saves about 3 000 gas an opening against encoding it anew, twice.
/// @dev Copied words are not checked for their types' widths; reading a field in Solidity does that and reverts. An
/// opening reads every narrow field before it emits.
library TermsCalldata {
    /// @dev 17 words.
    uint256 private constant SIZE = 544;

    /// @notice EIP-712 struct hash.
    function hash(Terms calldata terms) internal pure returns (bytes32 result) {
        bytes32 typeHash = TypeHashes.TERMS;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, typeHash)
            calldatacopy(add(data, 0x20), terms, SIZE)
            result := keccak256(data, add(SIZE, 0x20))
        }
    }

    /// @notice Emits {IEscrow-Opened}.
    function emitOpened(uint64 agreement, uint256 fees, uint256 start, Terms calldata terms) internal {
        bytes32 topic = IEscrow.Opened.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, fees)
            mstore(add(data, 0x20), start)
            calldatacopy(add(data, 0x40), terms, SIZE)
            log2(data, add(SIZE, 0x40), topic, agreement)
        }
    }
}
