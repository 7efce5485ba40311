// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {Batch} from "../types/ReceiptTypes.sol";
import {LedgerBase, LedgerParameters} from "./LedgerBase.sol";

/// @title What a guardian may do, and no more: cancel a relayer's batch, pause its posting
abstract contract LedgerGuard is IReceiptLedger, LedgerBase {
    /// @dev Seconds in which a policy's batches are cancelled twice at most, and between two pauses.
    uint40 private constant RESPITE = 30 days;

    /// @inheritdoc IReceiptLedger
    uint32 public immutable MAX_PAUSE;

    constructor(LedgerParameters memory p) {
        MAX_PAUSE = p.maxPause;
    }

    // User reads

    /// @inheritdoc IReceiptLedger
    function postingPause() external view returns (uint40 until, uint40 notBefore) {
        until = _pausedUntil;
        notBefore = until == 0 ? 0 : until + RESPITE;
    }

    /// @inheritdoc IReceiptLedger
    function cancelledAt(uint96 batch) external view returns (uint40) {
        return _cancelledAt[batch];
    }

    // User writes

    /// @inheritdoc IReceiptLedger
    function cancel(uint96 batch) external restricted nonReentrant {
        // Check
        Batch memory record = _batches[batch];
        uint256 endsAt = _settleableAt(batch, record);
        if (record.flags & (SELF | SIGNED) != 0) revert ReceiptLedger_NotCancellable(batch);
        if (record.flags & CANCELLED != 0) revert ReceiptLedger_Cancelled(batch);
        if (block.timestamp >= endsAt) revert ReceiptLedger_WindowOver(batch, endsAt);
        Cancels memory last = _cancels[record.policy];
        if (last.older != 0 && block.timestamp < last.older + RESPITE) {
            revert ReceiptLedger_TooManyCancels(record.policy, last.older + RESPITE);
        }
        // Effect, then interaction
        _cancels[record.policy] = Cancels({older: last.newer, newer: uint40(block.timestamp)});
        _cancelBatch(batch, record);
    }

    /// @inheritdoc IReceiptLedger
    function pausePosting(uint32 duration) external restricted nonReentrant {
        // Check
        uint40 until = uint40(block.timestamp) + duration;
        uint40 notBefore = _pausedUntil == 0 ? 0 : _pausedUntil + RESPITE;
        if (duration > MAX_PAUSE || block.timestamp < notBefore) {
            revert ReceiptLedger_PauseRefused(until, notBefore);
        }
        // Effect
        _pausedUntil = until;
        emit PostingPaused(until);
    }

    /// @inheritdoc IReceiptLedger
    function resumePosting() external restricted nonReentrant {
        // Check
        if (block.timestamp >= _pausedUntil) revert ReceiptLedger_NotPaused();
        // Effect: the respite counts from here.
        _pausedUntil = uint40(block.timestamp);
        emit PostingResumed();
    }
}
