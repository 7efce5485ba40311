// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Leaf, LeafEnd, Recovery} from "../types/DisputeTypes.sol";
import {ReceiptFault, SignedReceipt, VerdictSignature} from "../types/ReceiptTypes.sol";

/// @title The ledger's part in challenges and disputes
/// @notice Reached at the ledger's own address, as {IReceiptLedgerExtension}. What is recovered comes from what is reserved of
/// one agreement: its releases and its self-post bonds. While the agreement is frozen none of that is freed.
interface IReceiptLedgerDisputes {
    /// @notice A leaf is blocked, or no longer; VOID blocks it for good.
    event LeafBlocked(uint96 indexed batch, uint256 indexed index, uint64 indexed agreement);
    event LeafUnblocked(uint96 indexed batch, uint256 indexed index, LeafEnd end);
    /// @notice `due` µ more are to be recovered of an agreement's reservations, or nothing any more.
    event RecoveryDue(uint64 indexed agreement, uint64 due);

    /// @notice Thrown when the caller is not the contract that may: Challenges or Court.
    error ReceiptLedger_NotCourt(address caller);
    /// @notice Thrown for leaves that stand on signatures shown on chain, and for those of a cancelled batch.
    error ReceiptLedger_NotChallengeable(uint96 batch);
    /// @notice Thrown when the leaf is blocked already.
    error ReceiptLedger_LeafBlocked(uint96 batch, uint256 index);
    /// @notice Thrown when the leaf is not under challenge.
    error ReceiptLedger_LeafNotBlocked(uint96 batch, uint256 index);

    /// @notice Pays the funder's owner, out of the operator's reservation, what a released leaf of a cancelled batch took.
    /// Anyone, after the response window without an answer.
    function makeGood(uint96 batch, uint256 index) external;
    // Challenges only

    /// @notice Blocks a leaf of a relayer's batch inside its window, and holds its agreement.
    function hold(Leaf calldata leaf) external returns (uint64 agreement, uint80 units, uint16 policy, uint32 relayer);
    /// @notice Ends that. VOID gives a released leaf's reservation to the funder; the tenth void leaf cancels the batch.
    /// @return cancelled Whether the batch is cancelled now.
    function unhold(uint96 batch, uint256 index, uint64 agreement, LeafEnd end) external returns (bool cancelled);

    // Court only

    /// @notice Lets `due` µ more be recovered from what is reserved of an agreement: its releases and self-post bonds.
    function addRecovery(uint64 agreement, uint64 due) external;
    /// @notice Nothing more is recovered for the funder; what was due is answered. For a claim on the insurance.
    function endRecovery(uint64 agreement) external returns (uint64 due);

    // What challenges and disputes read; never revert for what a receipt says

    /// @notice Whether full signatures for `units` or more with that outputRoot are shown, judged at the batch's posting.
    function backingFault(uint96 batch, uint64 agreement, uint80 units, bytes32 output, SignedReceipt calldata item)
        external
        view
        returns (ReceiptFault);
    /// @notice What a claim says: a leaf of a batch that is not cancelled, itself not void, or a receipt by a device of the
    /// agreement's operator. `full`: it is posted, or carries full signatures.
    function claimOf(Claim calldata claim)
        external
        view
        returns (ReceiptFault fault, uint64 agreement, uint80 units, bytes32 outputRoot, bool full);
    /// @notice The verifiers who signed that only `validUnits` of what stands behind `outputRoot` are valid: a quorum of the
    /// agreement's policy, strictly rising; empty when it is none.
    function rejectedBy(uint64 agreement, uint80 validUnits, bytes32 outputRoot, VerdictSignature[] calldata verdicts)
        external
        view
        returns (uint32[] memory verifiers);
    function recoveryOf(uint64 agreement) external view returns (Recovery memory);
    /// @notice Bit i of `mask`: leaf i is under challenge or void; `open` of them are under challenge, `void_` are void.
    function blockedOf(uint96 batch) external view returns (uint256 mask, uint16 open, uint16 void_);
    function COURT() external view returns (address);
    function CHALLENGES() external view returns (address);
}
