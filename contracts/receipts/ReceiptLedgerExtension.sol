// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IReceiptLedgerExtension} from "../interfaces/IReceiptLedgerExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {ReleasedLeaf} from "../libraries/ReleaseSlot.sol";
import {ReceiptFault, SignedReceipt} from "../types/ReceiptTypes.sol";
import {LedgerBase, LedgerParameters} from "./LedgerBase.sol";
import {ReceiptChecks} from "./ReceiptChecks.sol";
import {SignedPaths} from "./SignedPaths.sol";

/// @title ReceiptLedgerExtension: the answers for released leaves, on top of the other paths that stand on signatures
/// @dev Runs on the ReceiptLedger's storage, by its fallback; by itself it answers nothing.
contract ReceiptLedgerExtension is SignedPaths {
    address private immutable _MAIN;
    address private immutable _DISPUTES;

    constructor(LedgerParameters memory p) LedgerBase(p) ReceiptChecks(p) {
        _MAIN = p.ledger;
        _DISPUTES = p.disputes;
    }

    /// @dev What belongs to challenges and disputes is in a contract of its own, on the same storage.
    // solhint-disable-next-line no-complex-fallback
    fallback() external {
        _checkHere();
        address disputes = _DISPUTES;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), disputes, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(ok) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    // User reads

    /// @inheritdoc IReceiptLedgerExtension
    function SESSION_KEYS() external view returns (address) {
        _checkHere();
        return address(_SESSION_KEYS);
    }

    /// @inheritdoc IReceiptLedgerExtension
    function CREDENTIALS() external view returns (address) {
        _checkHere();
        return address(_CREDENTIALS);
    }

    /// @inheritdoc IReceiptLedgerExtension
    function faultOf(SignedReceipt calldata item) external view returns (ReceiptFault) {
        _checkHere();
        (Hot hot, Cold cold) = _slotsOf(item.receipt.agreement);
        return _checkFull(item, hot, cold, _contextAt(block.timestamp));
    }

    // User writes

    /// @inheritdoc IReceiptLedgerExtension
    function answerRelease(uint96 batch, uint256 index, SignedReceipt calldata item) external nonReentrant {
        _checkHere();
        // Check
        ReleasedLeaf waiting = _releases[batch][index];
        uint256 endsAt = _checkWaiting(batch, index, waiting);
        if (block.timestamp >= endsAt) revert ReceiptLedger_ResponseOver(batch, endsAt);
        ReceiptFault fault = _checkAnswer(item, waiting, _batches[batch].postedAt);
        if (fault != ReceiptFault.NONE) revert ReceiptLedger_BadAnswer(batch, index, fault);
        // Effect
        _releases[batch][index] = waiting.withAnswered();
        emit ReleaseAnswered(batch, index);
    }

    // Internal

    /// @inheritdoc SignedPaths
    function _checkHere() internal view override {
        if (address(this) != _MAIN) revert ReceiptLedger_NotHere();
    }

    // Private

    /// @dev Full signatures for the leaf's units or more, judged by what was valid when it was posted.
    function _checkAnswer(SignedReceipt calldata item, ReleasedLeaf waiting, uint40 postedAt)
        private
        view
        returns (ReceiptFault)
    {
        if (item.receipt.agreement != waiting.agreement()) return ReceiptFault.UNKNOWN_AGREEMENT;
        if (item.receipt.units < waiting.units()) return ReceiptFault.NOTHING_DUE;
        (Hot hot, Cold cold) = _slotsOf(item.receipt.agreement);
        return _checkFull(item, hot, cold, _contextAt(postedAt));
    }
}
