// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Release, ReleaseRequest, ReceiptFault, SignedReceipt, SkipReason} from "../types/DataTypes.sol";

/// @title The rest of the ledger: paths that stand on signatures, instant releases, cancelling
/// @notice Reached at the ledger's own address, through its fallback. "Full signatures" are a device's over the receipt,
/// with the customer's acceptance (and the funder's, when it is another and the policy does not waive it) or the verdicts
/// that the policy demands: a quorum of its verifiers; under NONE nothing more; under TEE a device with a TEE credential
/// that is bound to the agreement.
///
/// Trust: the guardian can pause the relayer's `post` for at most MAX_PAUSE, not again within 30 days of the pause's end,
/// and cancel a relayer's batch inside its window, twice in 30 days in one policy. What it cancels stays payable by
/// signatures and by self-post, and no refund of that policy runs before there was time for it.
interface IReceiptLedgerExtension {
    /// @notice A countersigned receipt was paid; `gross` µ of it.
    event Collected(uint64 indexed agreement, uint80 units, uint256 gross);
    /// @notice Item `index` of a call moved nothing.
    event ReceiptRefused(uint256 indexed index, uint64 indexed agreement, ReceiptFault reason);
    /// @notice A provider posted its own receipt as a batch of one leaf, with `bond` µ behind it.
    event SelfPosted(uint96 indexed batch, uint32 indexed operator, uint64 indexed agreement, uint64 bond);
    event BondReturned(uint96 indexed batch, uint32 indexed operator, uint64 bond);
    /// @notice A leaf was paid before its window, against `amount` µ of the operator's stake.
    event Released(uint96 indexed batch, uint256 indexed index, uint64 indexed agreement, uint64 amount, uint56 fees);
    event ReleaseRefused(uint256 indexed item, uint96 indexed batch, uint256 indexed index, SkipReason reason);
    /// @notice The reservation of a release is free again.
    event ReleaseFinalised(uint96 indexed batch, uint256 indexed index);
    /// @notice Full signatures for a released leaf of a cancelled batch were shown.
    event ReleaseAnswered(uint96 indexed batch, uint256 indexed index);
    /// @notice The reservation of a release went to `victim`, the funder's owner.
    event MadeGood(uint96 indexed batch, uint256 indexed index, address indexed victim, uint64 amount);
    event BatchCancelled(uint96 indexed batch, uint40 cancelledAt);
    event PostingPaused(uint40 until);
    event PostingResumed();

    /// @notice Thrown when the extension is called at its own address.
    error ReceiptLedger_NotHere();
    error ReceiptLedger_TooManyItems(uint256 items);
    /// @notice Thrown when the policy's relayer has posted lately; anyone may post from `silentAt` on.
    error ReceiptLedger_RelayerNotSilent(uint16 policy, uint256 silentAt);
    /// @notice Thrown when no item of a signed post was good.
    error ReceiptLedger_NothingToPost();
    error ReceiptLedger_WindowOver(uint96 batch, uint256 endedAt);
    /// @notice Thrown when a self-post or a signed post shall be cancelled: nobody can.
    error ReceiptLedger_NotCancellable(uint96 batch);
    /// @notice Thrown when two batches of the policy were cancelled within 30 days.
    error ReceiptLedger_TooManyCancels(uint16 policy, uint256 notBefore);
    error ReceiptLedger_Cancelled(uint96 batch);
    error ReceiptLedger_NotCancelled(uint96 batch);
    error ReceiptLedger_NotReleased(uint96 batch, uint256 index);
    error ReceiptLedger_ResponseOpen(uint96 batch, uint256 endsAt);
    error ReceiptLedger_ResponseOver(uint96 batch, uint256 endedAt);
    error ReceiptLedger_Answered(uint96 batch, uint256 index);
    error ReceiptLedger_BadAnswer(uint96 batch, uint256 index, ReceiptFault reason);
    error ReceiptLedger_PostingPaused(uint40 until);
    /// @notice Thrown when a pause is longer than MAX_PAUSE, or comes within 30 days of the last one's end.
    error ReceiptLedger_PauseRefused(uint40 until, uint40 notBefore);

    /// @notice Pays receipts that both sides signed, at once and finally. Anyone who holds them; at most 128. A bad item is
    /// reported by {ReceiptRefused}, or by the Escrow when it moves nothing; the others are paid.
    /// @return moved µ (gross + customer fee).
    function collect(SignedReceipt[] calldata items) external returns (uint256 moved);
    /// @notice Lowers leases' bills at once by receipts of seconds not served: the operator's own, or with the verdicts of
    /// an ATTESTED or QUORUM policy. Anyone who holds them; at most 128.
    function reportDowntime(SignedReceipt[] calldata items) external;
    /// @notice Posts a batch with full signatures when the policy's relayer has been silent. Anyone; numbers strictly
    /// rising; at most 128. Bad items are left out.
    function postSigned(uint16 policy, SignedReceipt[] calldata items) external returns (uint96 batch);
    /// @notice Posts a provider's own receipts with full signatures, each as a batch of one leaf with a bond. The operator's
    /// owner, always; nobody can cancel it. At most 64. One number an item, 0 when it was refused.
    function selfPost(SignedReceipt[] calldata items) external returns (uint96[] memory batches);
    /// @notice Pays posted leaves at once against the operator's free stake. The operator's owner, or the payee's with the
    /// operator's standing consent; at most 128. A bad item is reported by {ReleaseRefused}.
    /// @return moved µ (gross + customer fee).
    function release(ReleaseRequest[] calldata items) external returns (uint256 moved);
    /// @notice Frees the reservations of released leaves whose window is over, or that were answered. Anyone.
    function finalise(uint96 batch, uint256[] calldata indices) external;
    /// @notice Shows full signatures for a released leaf of a cancelled batch, for its units or more. Anyone, within the
    /// policy's response window after the cancel.
    function answerRelease(uint96 batch, uint256 index, SignedReceipt calldata item) external;
    /// @notice Pays the funder's owner, out of the operator's reservation, what a released leaf of a cancelled batch took.
    /// Anyone, after the response window without an answer.
    function makeGood(uint96 batch, uint256 index) external;
    /// @notice Cancels a relayer's batch inside its window. Guardian; twice in 30 days in one policy.
    function cancel(uint96 batch) external;
    /// @notice Pauses {IReceiptLedger-post} for `duration` seconds. Guardian.
    function pausePosting(uint32 duration) external;
    /// @notice Ends the pause early. Guardian.
    function resumePosting() external;

    function SESSION_KEYS() external view returns (address);
    function CREDENTIALS() external view returns (address);
    function MAX_PAUSE() external view returns (uint32);
    function releaseOf(uint96 batch, uint256 index) external view returns (Release memory);
    /// @return until When the pause of posting ends or ended. @return notBefore When the next one may begin.
    function postingPause() external view returns (uint40 until, uint40 notBefore);
    /// @notice When a batch was cancelled; 0: it was not.
    function cancelledAt(uint96 batch) external view returns (uint40);
    /// @notice When anyone may post under `policy` with full signatures.
    function silentAt(uint16 policy) external view returns (uint256);
    /// @notice Whether a receipt carries full signatures now; never reverts for what it says.
    function faultOf(SignedReceipt calldata item) external view returns (ReceiptFault);
}
