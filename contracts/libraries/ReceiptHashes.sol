// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Receipt, VerdictSignature} from "../types/DataTypes.sol";
import {TypeHashes} from "./TypeHashes.sol";

/// @title EIP-712 struct hashes of what is signed about a receipt
library ReceiptHashes {
    function ofReceipt(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TypeHashes.RECEIPT, receipt));
    }

    /// @notice The receipt but for `exclusive`, which is the device's promise alone.
    function ofAcceptance(Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                TypeHashes.ACCEPTANCE,
                receipt.agreement,
                receipt.units,
                receipt.periodStart,
                receipt.periodEnd,
                receipt.outputRoot
            )
        );
    }

    /// @notice A verdict that says "valid": no other is worth anything to whoever shows it here.
    function ofVerdict(Receipt calldata receipt, VerdictSignature calldata verdict) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                TypeHashes.VERDICT,
                receipt.agreement,
                receipt.units,
                receipt.outputRoot,
                true,
                verdict.verifierVersion,
                verdict.confidence
            )
        );
    }
}
