// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Batch, BatchHeader, Release, ReleaseRequest, SkipReason} from "../types/ReceiptTypes.sol";

/// @title Posted batches, their windows, what may be settled after them, and what is released before
/// @notice One batch is of one policy and posted by that policy's relayer. A figure is 18 bytes: agreement uint64, units
/// uint80, big-endian, numbers strictly rising. Leaf i = keccak256(uint16 i, 18 bytes, 32 bytes outputRoot). The tree is
/// OpenZeppelin's heap (node[j] = H(sorted children), leaf i at 2n-2-i), so `MerkleProof` verifies it.
/// A batch's number is policy << 80 | operator << 48 | nonce: known before it is posted. A self-post's has policy 0, a signed
/// post's operator 0; neither is in anybody's value in flight. What stands on signatures alone is in
/// {IReceiptLedgerExtension}, at this address too.
///
/// Trust: the guardian can pause the relayer's `post` for at most MAX_PAUSE, not again within 30 days of the pause's end,
/// and cancel a relayer's batch inside its window, twice in 30 days in one policy. What it cancels stays payable by
/// signatures and by self-post, and no refund of that policy runs before there was time for it.
interface IReceiptLedger {
    event BatchPosted(
        uint96 indexed batch,
        uint16 indexed policy,
        uint32 indexed relayer,
        uint16 leaves,
        uint64 value,
        bytes32 root,
        bytes32 figuresHash
    );
    /// @notice A settlement ran; the batch has now moved `moved` µ (gross + customer fee) in all.
    event BatchSettled(uint96 indexed batch, uint64 moved);
    /// @notice The batch's window has ended: its value is no longer in flight.
    event BatchRetired(uint96 indexed batch, uint64 value);
    /// @notice A leaf was paid before its window, against `amount` µ of the operator's stake.
    event Released(uint96 indexed batch, uint256 indexed index, uint64 indexed agreement, uint64 amount, uint56 fees);
    event ReleaseRefused(uint256 indexed item, uint96 indexed batch, uint256 indexed index, SkipReason reason);
    /// @notice The reservation of a release is free again.
    event ReleaseFinalised(uint96 indexed batch, uint256 indexed index);
    /// @notice The reservation of a release went to `victim`, the funder's owner.
    event MadeGood(uint96 indexed batch, uint256 indexed index, address indexed victim, uint64 amount);
    /// @notice Of a reservation or self-post bond, `amount` µ went to `victim`, the funder's owner, by a ruling.
    event Recovered(uint64 indexed agreement, address indexed victim, uint64 amount);
    event BatchCancelled(uint96 indexed batch, uint40 cancelledAt);
    event PostingPaused(uint40 until);
    event PostingResumed();
    /// @notice The window of a self-post has ended: its bond is back where it came from.
    event BondReturned(uint96 indexed batch, uint32 indexed operator, uint64 bond);

    error ReceiptLedger_DeadlinePassed(uint40 deadline);
    error ReceiptLedger_WrongNonce(uint48 expected, uint48 given);
    /// @notice Thrown when figures or outputs have the wrong length, or there are none or more than 256.
    error ReceiptLedger_BadLength(uint256 figures, uint256 outputs);
    /// @notice Thrown when agreement numbers are not strictly rising at figure `index`.
    error ReceiptLedger_NotRising(uint256 index);
    error ReceiptLedger_UnknownPolicy(uint16 policy);
    error ReceiptLedger_RelayerNotActive(uint32 operator);
    /// @notice Thrown when the declared value does not fit beside the values in flight.
    error ReceiptLedger_ValueAboveLimit(uint256 inFlight, uint256 value, uint256 limit);
    /// @notice Thrown when fewer signer keys than the threshold signed, one signed twice, or one is not authorised.
    error ReceiptLedger_BadSignatures(uint256 valid, uint256 threshold);
    error ReceiptLedger_UnknownBatch(uint96 batch);
    error ReceiptLedger_WindowOpen(uint96 batch, uint256 endsAt);
    error ReceiptLedger_WrongFigures(uint96 batch);
    error ReceiptLedger_BadProof(uint96 batch, uint256 index);
    error ReceiptLedger_AlreadyRetired(uint96 batch);
    error ReceiptLedger_TooManyItems(uint256 items);
    error ReceiptLedger_WindowOver(uint96 batch, uint256 endedAt);
    /// @notice Thrown when a self-post or a signed post shall be cancelled: nobody can.
    error ReceiptLedger_NotCancellable(uint96 batch);
    /// @notice Thrown when two batches of the policy were cancelled within 30 days.
    error ReceiptLedger_TooManyCancels(uint16 policy, uint256 notBefore);
    error ReceiptLedger_Cancelled(uint96 batch);
    error ReceiptLedger_NotCancelled(uint96 batch);
    error ReceiptLedger_NotReleased(uint96 batch, uint256 index);
    /// @notice Thrown when none of the releases asked for can be finalised: over, never made, or waiting for an answer.
    error ReceiptLedger_NothingToFinalise(uint96 batch);
    error ReceiptLedger_ResponseOpen(uint96 batch, uint256 endsAt);
    error ReceiptLedger_Answered(uint96 batch, uint256 index);
    /// @notice Thrown when so many leaves of the batch are under challenge that none of it settles.
    error ReceiptLedger_UnderChallenge(uint96 batch, uint16 open);
    /// @notice Thrown when a self-post's bond shall return while its agreement is frozen by a dispute.
    error ReceiptLedger_BondHeld(uint96 batch, uint64 agreement);
    error ReceiptLedger_PostingPaused(uint40 until);
    error ReceiptLedger_NotPaused();
    /// @notice Thrown when a pause is longer than MAX_PAUSE, or comes within 30 days of the last one's end.
    error ReceiptLedger_PauseRefused(uint40 until, uint40 notBefore);

    /// @notice Posts a batch for the policy's relayer.
    /// @param header Policy, declared value, nonce, deadline.
    /// @param figures n x 18 bytes, 1 <= n <= 256.
    /// @param outputs n x 32 bytes: each leaf's outputRoot, which equals the signed receipt's.
    /// @param signatures By signer keys of the relayer over EIP-712 Batch, in rising order of their addresses. The caller
    /// counts as one when it is a signer key itself; its signature is then left out.
    function post(
        BatchHeader calldata header,
        bytes calldata figures,
        bytes calldata outputs,
        bytes[] calldata signatures
    ) external returns (uint96 batch);
    /// @notice Pays every figure of a batch whose window has passed. Anyone; again at will: what was paid is stale and skipped.
    function settle(uint96 batch, bytes calldata figures) external returns (uint256 moved);
    /// @notice Pays one leaf by its Merkle proof. Anyone, after the window.
    function settleOne(uint96 batch, uint256 index, bytes18 figure, bytes32 output, bytes32[] calldata proof)
        external
        returns (uint256 moved);
    /// @notice Takes the value of a batch whose window has passed out of flight, or gives a self-post's bond back, without
    /// settling; what a ruling left to recover goes to the funder's owner first. Anyone.
    function retire(uint96 batch) external;
    /// @notice Pays posted leaves inside their window against the operator's free stake. The operator's owner, or the payee's
    /// with the operator's standing consent; at most 128. A bad item is reported by {ReleaseRefused}: VOID of a cancelled
    /// batch; NOT_RELEASABLE when the batch is unknown, its window over, the proof wrong, the leaf released before, the
    /// policy or the caller without leave, the agreement held 200 times, or the free stake too little.
    /// @return moved µ (gross + customer fee).
    function release(ReleaseRequest[] calldata items) external returns (uint256 moved);
    /// @notice Frees the reservations of released leaves whose window is over, or that were answered; what a ruling left to
    /// recover goes to the funder's owner first. Anyone; at most 256. Leaves for which there is nothing to do, and those under
    /// challenge or of a frozen agreement, are left out; reverts when that is all of them.
    function finalise(uint96 batch, uint256[] calldata indices) external;
    /// @notice Cancels a relayer's batch inside its window. Guardian; twice in 30 days in one policy.
    function cancel(uint96 batch) external;
    /// @notice Pauses {IReceiptLedger-post} for `duration` seconds. Guardian.
    function pausePosting(uint32 duration) external;
    /// @notice Ends the pause early. Guardian.
    function resumePosting() external;

    /// @notice The contract that answers, at this address, what this one does not ({IReceiptLedgerExtension}).
    function EXTENSION() external view returns (address);
    function ESCROW() external view returns (address);
    function STAKING() external view returns (address);
    function POLICY_BOOK() external view returns (address);
    function batchOf(uint96 batch) external view returns (Batch memory);
    /// @notice When a batch can be settled; reverts with {ReceiptLedger_UnknownBatch}.
    function settleableAt(uint96 batch) external view returns (uint256);
    function batchNumber(uint16 policy, uint32 operator, uint48 nonce) external pure returns (uint96);
    /// @notice The nonce of the next batch of `operator` under `policy`.
    function nextNonce(uint16 policy, uint32 operator) external view returns (uint48);
    /// @notice µ in flight of `operator`, over all policies: declared by batches that are not yet retired.
    function inFlight(uint32 operator) external view returns (uint256);
    /// @notice The root that {post} would compute.
    function rootOf(bytes calldata figures, bytes calldata outputs) external pure returns (bytes32);
    function MAX_PAUSE() external view returns (uint32);
    function releaseOf(uint96 batch, uint256 index) external view returns (Release memory);
    /// @return until When the pause of posting ends or ended. @return notBefore When the next one may begin.
    function postingPause() external view returns (uint40 until, uint40 notBefore);
    /// @notice When a batch was cancelled; 0: it was not.
    function cancelledAt(uint96 batch) external view returns (uint40);
}
