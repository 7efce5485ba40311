// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {ReleaseSlot, ReleasedLeaf} from "../libraries/ReleaseSlot.sol";
import {AgreementView, Mode, SettleOrder, Status} from "../types/EscrowTypes.sol";
import {Batch, Release, ReleaseRequest, SkipReason} from "../types/ReceiptTypes.sol";
import {LedgerBase} from "./LedgerBase.sol";

/// @title Instant release: a posted leaf is paid inside its window, against the operator's free stake
/// @dev For each release its amount stays reserved until exactly one of {finalise} and {makeGood} deletes the record.
abstract contract InstantReleases is IReceiptLedger, LedgerBase {
    using SafeCast for uint256;

    /// @dev What a release would move: `amount` is gross and the customer's fee.
    struct Due {
        uint64 agreement;
        uint80 units;
        uint32 operator;
        uint256 amount;
        uint64 grossCap;
    }

    /// @dev Most releases of one call.
    uint256 private constant MAX_RELEASES = 128;
    /// @dev Unfinalised releases (and leaves under challenge) of one agreement.
    uint256 private constant MAX_HOLDS = 200;

    // User reads

    /// @inheritdoc IReceiptLedger
    function releaseOf(uint96 batch, uint256 index) external view returns (Release memory) {
        ReleasedLeaf released = _releases[batch][index];
        if (!released.exists()) return Release(0, 0, 0, 0, false);
        return Release({
            agreement: released.agreement(),
            amount: released.amount(),
            fees: released.fees(),
            operator: _operatorOf(released),
            answered: released.answered()
        });
    }

    // User writes

    /// @inheritdoc IReceiptLedger
    function release(ReleaseRequest[] calldata items) external nonReentrant returns (uint256 moved) {
        if (items.length > MAX_RELEASES) revert ReceiptLedger_TooManyItems(items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            (SkipReason reason, uint256 amount) = _release(items[i]);
            if (reason != SkipReason.NONE) emit ReleaseRefused(i, items[i].batch, items[i].index, reason);
            moved += amount;
        }
    }

    /// @inheritdoc IReceiptLedger
    function finalise(uint96 batch, uint256[] calldata indices) external nonReentrant {
        if (indices.length > Figures.MAX) revert ReceiptLedger_TooManyItems(indices.length);
        // Check
        Batch memory record = _batches[batch];
        bool cancelled = record.flags & CANCELLED != 0;
        if (!cancelled) _checkWindow(batch, record);
        bool any;
        for (uint256 i = 0; i < indices.length; ++i) {
            ReleasedLeaf done = _releases[batch][indices[i]];
            // One that is over already, waits for an answer, or is in dispute holds up no other.
            if (!done.exists() || (cancelled && !done.answered()) || _isBlocked(batch, record, indices[i])) continue;
            (Hot hot, Cold cold) = _slotsOf(done.agreement());
            if (hot.frozen()) continue;
            any = true;
            // Effect, then interaction
            _finalise(batch, indices[i], done, cold);
        }
        if (!any) revert ReceiptLedger_NothingToFinalise(batch);
    }

    // Private

    /// @dev Pays one leaf and keeps its record, or changes nothing and says why.
    function _release(ReleaseRequest calldata item) private returns (SkipReason reason, uint256 amount) {
        Batch memory record = _batches[item.batch];
        // Check
        reason = _checkLeaf(item, record);
        if (reason != SkipReason.NONE) return (reason, 0);
        Due memory due;
        (reason, due) = _dueOf(item.figure, record);
        if (reason != SkipReason.NONE) return (reason, 0);
        // Interaction: the reservation first, so that nothing is ever paid without it.
        if (!_RESERVES.tryReserve(due.operator, due.amount.toUint64())) return (SkipReason.NOT_RELEASABLE, 0);
        SettleOrder memory order = SettleOrder({
            policy: record.policy, postedAt: record.postedAt, cap: record.value - record.moved, grossCap: due.grossCap
        });
        (uint256 gross, uint256 feeCustomer, uint256 fees) = _ESCROW_MORE.settleRelease(order, due.agreement, due.units);
        amount = gross + feeCustomer;
        if (amount != due.amount) _RESERVES.unreserve(due.operator, (due.amount - amount).toUint64());
        if (amount == 0) return (SkipReason.NOT_RELEASABLE, 0);
        // Effect
        _batches[item.batch].moved = record.moved + amount.toUint64();
        _releases[item.batch][item.index] = ReleaseSlot.made(due.agreement, due.units, amount, fees);
        emit Released(item.batch, item.index, due.agreement, amount.toUint64(), fees.toUint56());
    }

    /// @dev The leaf lies in a batch whose window runs, under a policy that allows this, and was not released before.
    function _checkLeaf(ReleaseRequest calldata item, Batch memory record) private view returns (SkipReason) {
        if (record.flags & CANCELLED != 0 || _isBlocked(item.batch, record, item.index)) return SkipReason.VOID;
        if (
            record.postedAt == 0 || block.timestamp >= _settleableAt(item.batch, record)
                || !_POLICY_BOOK.receiptTerms(record.policy).instantRelease || item.index >= record.leaves
                || _releases[item.batch][item.index].exists()
                || !MerkleProof.verifyCalldata(
                    item.proof, record.root, BatchTree.leaf(item.index, item.figure, item.output)
                )
        ) return SkipReason.NOT_RELEASABLE;
        return SkipReason.NONE;
    }

    /// @dev What the figure moves now by the Escrow's own arithmetic, and why it may not.
    function _dueOf(bytes18 figure, Batch memory record) private view returns (SkipReason, Due memory due) {
        (due.agreement, due.units) = Figures.unpack(figure);
        AgreementView memory a = _ESCROW_MORE.agreementOf(due.agreement);
        due.operator = a.operator;
        due.grossCap = _grossCap(record);
        if (a.status == Status.NONE) return (SkipReason.UNKNOWN_AGREEMENT, due);
        if (a.status != Status.OPEN) return (SkipReason.CLOSED, due);
        if (a.policy != record.policy) return (SkipReason.OTHER_POLICY, due);
        if (a.mode != Mode.METERED) return (SkipReason.NOT_METERED, due);
        if (a.frozen) return (SkipReason.FROZEN, due);
        if (a.holds >= MAX_HOLDS || !_mayRelease(a.operator, a.payee)) return (SkipReason.NOT_RELEASABLE, due);
        uint256 paid = Fees.grossDown(due.units, a.unitPrice);
        if (paid > a.budget) paid = a.budget;
        if (paid <= a.paid) return (SkipReason.STALE, due);
        uint256 gross = paid - a.paid;
        if (due.grossCap != 0 && gross > due.grossCap) return (SkipReason.ABOVE_BATCH_CAP, due);
        due.amount = gross + Fees.riseDown(a.paid, paid, a.feeCustomer);
        if (due.amount > record.value - record.moved) return (SkipReason.ABOVE_DECLARED_VALUE, due);
        return (SkipReason.NONE, due);
    }

    /// @dev Whether a leaf is under challenge or void.
    function _isBlocked(uint96 batch, Batch memory record, uint256 index) private view returns (bool) {
        return record.flags & BLOCKED != 0 && (_blocked[batch].mask >> index) & 1 != 0;
    }

    /// @dev Whose stake a release reserved: an agreement's operator never changes.
    function _operatorOf(ReleasedLeaf released) private view returns (uint32) {
        return _ESCROW_MORE.agreementOf(released.agreement()).operator;
    }

    /// @dev The operator's owner may, whose stake it is; the payee's with the operator's standing consent.
    function _mayRelease(uint32 operator, uint32 payee) private view returns (bool) {
        if (msg.sender == _STAKING.ownerOf(operator)) return true;
        return
            msg.sender == _ESCROW.ownerOf(payee) && IOperatorRegistry(address(_STAKING)).releaseConsent(operator, payee);
    }
}
