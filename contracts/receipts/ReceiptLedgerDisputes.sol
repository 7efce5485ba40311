// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IReceiptLedgerDisputes} from "../interfaces/IReceiptLedgerDisputes.sol";
import {IReceiptLedgerExtension} from "../interfaces/IReceiptLedgerExtension.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {ReleasedLeaf} from "../libraries/ReleaseSlot.sol";
import {Claim, Leaf, LeafEnd, Recovery} from "../types/DisputeTypes.sol";
import {Mode, Status} from "../types/EscrowTypes.sol";
import {ReceiptTerms} from "../types/PolicyTypes.sol";
import {Batch, ReceiptFault, SignedReceipt, VerdictSignature} from "../types/ReceiptTypes.sol";
import {LedgerBase, LedgerParameters} from "./LedgerBase.sol";
import {ReceiptChecks} from "./ReceiptChecks.sol";

/// @title ReceiptLedgerDisputes: blocked leaves, what is recovered of reservations, what a figure stands on
/// @dev Runs on the ReceiptLedger's storage, through its fallback and its extension's; by itself it answers nothing.
contract ReceiptLedgerDisputes is IReceiptLedgerDisputes, ReceiptChecks {
    address private immutable _MAIN;
    address private immutable _COURT;
    address private immutable _CHALLENGES;

    constructor(LedgerParameters memory p) LedgerBase(p) ReceiptChecks(p) {
        _MAIN = p.ledger;
        _COURT = p.court;
        _CHALLENGES = p.challenges;
    }

    modifier onlyAt(address caller) {
        _checkHere();
        if (msg.sender != caller) revert ReceiptLedger_NotCourt(msg.sender);
        _;
    }

    // User reads

    /// @inheritdoc IReceiptLedgerDisputes
    function COURT() external view returns (address) {
        return _COURT;
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function CHALLENGES() external view returns (address) {
        return _CHALLENGES;
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function recoveryOf(uint64 agreement) external view returns (Recovery memory) {
        _checkHere();
        return _recoveries[agreement];
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function blockedOf(uint96 batch) external view returns (uint256 mask, uint16 open, uint16 void_) {
        _checkHere();
        Blocked storage blocked = _blocked[batch];
        return (blocked.mask, blocked.open, blocked.voids);
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function backingFault(uint96 batch, uint64 agreement, uint80 units, bytes32 output, SignedReceipt calldata item)
        external
        view
        returns (ReceiptFault)
    {
        _checkHere();
        if (item.receipt.agreement != agreement) return ReceiptFault.UNKNOWN_AGREEMENT;
        // A relayer that caps a figure posts fewer units under the newest receipt's output.
        if (item.receipt.units < units || item.receipt.outputRoot != output) return ReceiptFault.NOTHING_DUE;
        (Hot hot, Cold cold) = _slotsOf(agreement);
        Context memory context = _contextAt(_batches[batch].postedAt);
        return
            hot.mode() == Mode.LEASE ? _downtimeFault(item, hot, cold, context) : _checkFull(item, hot, cold, context);
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function claimOf(Claim calldata claim)
        external
        view
        returns (ReceiptFault fault, uint64 agreement, uint80 units, bytes32 outputRoot, bool full)
    {
        _checkHere();
        if (claim.batch != 0) {
            (agreement, units) = Figures.unpack(claim.figure);
            return (_leafFault(claim, agreement), agreement, units, claim.output, true);
        }
        (agreement, units, outputRoot) =
        (claim.item.receipt.agreement, claim.item.receipt.units, claim.item.receipt.outputRoot);
        (Hot hot, Cold cold) = _slotsOf(agreement);
        Context memory context = _contextAt(block.timestamp);
        fault = _checkDevice(claim.item, hot, cold, context);
        full = fault == ReceiptFault.NONE && _checkFull(claim.item, hot, cold, context) == ReceiptFault.NONE;
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function rejectedBy(uint64 agreement, uint80 validUnits, bytes32 outputRoot, VerdictSignature[] calldata verdicts)
        external
        view
        returns (uint32[] memory verifiers)
    {
        _checkHere();
        (Hot hot,) = _slotsOf(agreement);
        Context memory context = _contextAt(block.timestamp);
        ReceiptTerms memory terms = _termsOf(hot.policy(), context);
        (uint256 missing, uint32[] memory found) =
            _countVerdicts(agreement, validUnits, outputRoot, false, verdicts, terms, context);
        return missing == 0 ? found : verifiers;
    }

    // User writes

    /// @inheritdoc IReceiptLedgerDisputes
    function makeGood(uint96 batch, uint256 index) external nonReentrant {
        _checkHere();
        // Check
        ReleasedLeaf waiting = _releases[batch][index];
        uint256 endsAt = _checkWaiting(batch, index, waiting);
        if (block.timestamp < endsAt) revert IReceiptLedger.ReceiptLedger_ResponseOpen(batch, endsAt);
        // Effect, then interaction
        _makeGood(batch, index, waiting);
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function hold(Leaf calldata leaf)
        external
        onlyAt(_CHALLENGES)
        nonReentrant
        returns (uint64 agreement, uint80 units, uint16 policy, uint32 relayer)
    {
        // Check
        uint96 batch = leaf.batch;
        Batch memory record = _batches[batch];
        uint256 endsAt = _settleableAt(batch, record);
        if (block.timestamp >= endsAt) revert IReceiptLedger.ReceiptLedger_WindowOver(batch, endsAt);
        if (record.flags & (SELF | SIGNED | CANCELLED) != 0) revert ReceiptLedger_NotChallengeable(batch);
        if (!_isLeaf(record, leaf.index, leaf.figure, leaf.output, leaf.proof)) {
            revert IReceiptLedger.ReceiptLedger_BadProof(batch, leaf.index);
        }
        Blocked storage blocked = _blocked[batch];
        uint256 bit = 1 << leaf.index;
        if (blocked.mask & bit != 0) revert ReceiptLedger_LeafBlocked(batch, leaf.index);
        // Effect
        blocked.mask |= bit;
        ++blocked.open;
        if (record.flags & BLOCKED == 0) _batches[batch].flags = record.flags | BLOCKED;
        (agreement, units) = Figures.unpack(leaf.figure);
        (policy, relayer) = (record.policy, record.relayer);
        emit LeafBlocked(batch, leaf.index, agreement);
        // Interaction
        _ESCROW_MORE.hold(agreement);
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function unhold(uint96 batch, uint256 index, uint64 agreement, LeafEnd end)
        external
        onlyAt(_CHALLENGES)
        nonReentrant
        returns (bool cancelled)
    {
        // Check
        Blocked storage blocked = _blocked[batch];
        uint256 bit = 1 << index;
        if (blocked.mask & ~blocked.voided & bit == 0) revert ReceiptLedger_LeafNotBlocked(batch, index);
        Batch memory record = _batches[batch];
        // Effect
        --blocked.open;
        emit LeafUnblocked(batch, index, end);
        if (end == LeafEnd.VOID) {
            blocked.voided |= bit;
            ++blocked.voids;
            ReleasedLeaf released = _releases[batch][index];
            // Interaction
            if (released.exists()) _makeGood(batch, index, released);
            if (blocked.voids >= BROKEN && record.flags & CANCELLED == 0) _cancelBatch(batch, record);
        } else {
            blocked.mask &= ~bit;
        }
        // Interaction: what was answered stays payable for a while.
        uint40 notBefore = end == LeafEnd.ANSWERED ? uint40(block.timestamp) + _ESCROW.SETTLE_GRACE() : 0;
        _ESCROW_MORE.unhold(agreement, notBefore);
        return record.flags & CANCELLED != 0;
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function addRecovery(uint64 agreement, uint64 due) external onlyAt(_COURT) nonReentrant {
        // Effect
        _recoveries[agreement].due += due;
        emit RecoveryDue(agreement, _recoveries[agreement].due);
    }

    /// @inheritdoc IReceiptLedgerDisputes
    function endRecovery(uint64 agreement) external onlyAt(_COURT) nonReentrant returns (uint64 due) {
        // Effect
        due = _recoveries[agreement].due;
        _recoveries[agreement].due = 0;
        emit RecoveryDue(agreement, 0);
    }

    // Private

    /// @dev Downtime stands on the provider's own receipt, or on the verdicts of a policy that has verifiers: a verdict on so
    /// many seconds not served, with no receipt and so no period.
    function _downtimeFault(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        private
        view
        returns (ReceiptFault fault)
    {
        fault = _checkDevice(item, hot, cold, context);
        if (fault == ReceiptFault.NONE || hot.status() != Status.OPEN) return fault;
        if (_termsOf(hot.policy(), context).quorum == 0 || item.verdicts.length == 0) return fault;
        return _hasVerdicts(item, hot.policy(), context) ? ReceiptFault.NONE : ReceiptFault.NOT_ENOUGH_VERDICTS;
    }

    /// @dev What keeps a leaf from being paid for good, besides what the Escrow knows.
    function _leafFault(Claim calldata claim, uint64 agreement) private view returns (ReceiptFault) {
        Batch memory record = _batches[claim.batch];
        if (!_isLeaf(record, claim.index, claim.figure, claim.output, claim.proof)) return ReceiptFault.NOT_POSTED;
        if (record.flags & CANCELLED != 0 || (_blocked[claim.batch].voided >> claim.index) & 1 != 0) {
            return ReceiptFault.LEAF_VOID;
        }
        (Hot hot,) = _slotsOf(agreement);
        return hot.policy() == record.policy ? ReceiptFault.NONE : ReceiptFault.OTHER_POLICY;
    }

    function _isLeaf(Batch memory record, uint256 index, bytes18 figure, bytes32 output, bytes32[] calldata proof)
        private
        pure
        returns (bool)
    {
        return
            index < record.leaves
                && MerkleProof.verifyCalldata(proof, record.root, BatchTree.leaf(index, figure, output));
    }

    function _checkHere() private view {
        if (address(this) != _MAIN) revert IReceiptLedgerExtension.ReceiptLedger_NotHere();
    }
}
