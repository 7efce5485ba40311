// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Receipt, VerdictSignature} from "../types/ReceiptTypes.sol";
import {TypeHashes} from "./TypeHashes.sol";

/// @title EIP-712 struct hashes of what is signed about a receipt
library ReceiptHashes {
    /// @dev Six words, and five of them, as they are in calldata. Whoever reads a field has it checked for stray bits; one
    /// that nobody reads, or a stray bit, only makes a hash that no signature fits.
    uint256 private constant RECEIPT_SIZE = 192;
    uint256 private constant ACCEPTANCE_SIZE = 160;

    function ofReceipt(Receipt calldata receipt) internal pure returns (bytes32) {
        return _hash(TypeHashes.RECEIPT, receipt, RECEIPT_SIZE);
    }

    /// @notice The receipt but for `exclusive`, which is the device's promise alone.
    function ofAcceptance(Receipt calldata receipt) internal pure returns (bytes32) {
        return _hash(TypeHashes.ACCEPTANCE, receipt, ACCEPTANCE_SIZE);
    }

    /// @notice A verdict on what stands behind `outputRoot`: "valid" up to `units`, or not, with the units that are.
    function ofVerdict(
        uint64 agreement,
        uint80 units,
        bytes32 outputRoot,
        bool valid,
        VerdictSignature calldata verdict
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                TypeHashes.VERDICT, agreement, units, outputRoot, valid, verdict.verifierVersion, verdict.confidence
            )
        );
    }

    /// @dev Assembly because every countersigned receipt pays for it twice: no memory is kept, nothing is encoded anew.
    function _hash(bytes32 typeHash, Receipt calldata receipt, uint256 size) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, typeHash)
            calldatacopy(add(data, 0x20), receipt, size)
            result := keccak256(data, add(size, 0x20))
        }
    }
}
