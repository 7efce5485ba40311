// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BondSource, ReceiptFault, SignedReceipt} from "../types/ReceiptTypes.sol";

/// @title The rest of the ledger: paths that stand on signatures
/// @notice Reached at the ledger's own address, through its fallback. "Full signatures" are a device's over the receipt,
/// with the customer's acceptance (and the funder's, when it is another and the policy does not waive it) or the verdicts
/// that the policy demands: a quorum of its verifiers; nothing more under NONE and TEE. Under TEE the device of a metered
/// receipt needs, on every path, a TEE credential that is bound to the agreement. A session key that is for up to a total
/// accepts in {collect} alone, where what it moves is known.
///
/// A receipt's period lies within its agreement's life and is over: start <= periodStart < periodEnd <= min(now, end), where
/// a lease ends with its money at the latest. After the end it is good until the agreement is closed.
/// Keys and credentials are judged by what is good at the call; for {answerRelease}, at the time of posting.
interface IReceiptLedgerExtension {
    /// @notice A countersigned receipt was paid; `gross` µ of it.
    event Collected(uint64 indexed agreement, uint80 units, uint256 gross);
    /// @notice Item `index` of a call moved nothing.
    event ReceiptRefused(uint256 indexed index, uint64 indexed agreement, ReceiptFault reason);
    /// @notice A provider posted its own receipt as a batch of one leaf, with `bond` µ behind it.
    event SelfPosted(uint96 indexed batch, uint32 indexed operator, uint64 indexed agreement, uint64 bond);
    /// @notice Full signatures for a released leaf of a cancelled batch were shown.
    event ReleaseAnswered(uint96 indexed batch, uint256 indexed index);

    /// @notice Thrown when the extension is called at its own address.
    error ReceiptLedger_NotHere();
    /// @notice Thrown when the policy's relayer has posted lately; anyone may post from `silentAt` on.
    error ReceiptLedger_RelayerNotSilent(uint16 policy, uint256 silentAt);
    /// @notice Thrown when no item of a signed post was good.
    error ReceiptLedger_NothingToPost();
    error ReceiptLedger_ResponseOver(uint96 batch, uint256 endedAt);
    error ReceiptLedger_BadAnswer(uint96 batch, uint256 index, ReceiptFault reason);

    /// @notice Pays receipts that both sides signed, at once and finally. Anyone who holds them; at most 128. A bad item is
    /// reported by {ReceiptRefused} (NOTHING_DUE when it moves no money); the others are paid.
    /// @return moved µ (gross + customer fee).
    function collect(SignedReceipt[] calldata items) external returns (uint256 moved);
    /// @notice Lowers leases' bills at once by receipts of seconds not served: the operator's own, or with the verdicts of
    /// an ATTESTED or QUORUM policy. Anyone who holds them; at most 128; per item as {collect}.
    function reportDowntime(SignedReceipt[] calldata items) external;
    /// @notice Posts a batch with full signatures when the policy's relayer has been silent. Anyone; numbers strictly
    /// rising; at most 128. Bad items are left out.
    function postSigned(uint16 policy, SignedReceipt[] calldata items) external returns (uint96 batch);
    /// @notice Posts a provider's own receipts with full signatures, each as a batch of one leaf with a bond. The operator's
    /// owner, always; nobody can cancel it. At most 64. One number an item, 0 when it was refused.
    function selfPost(SignedReceipt[] calldata items) external returns (uint96[] memory batches);
    /// @notice Shows full signatures for a released leaf of a cancelled batch, for its units or more. Anyone, within the
    /// policy's response window after the cancel.
    function answerRelease(uint96 batch, uint256 index, SignedReceipt calldata item) external;

    function SESSION_KEYS() external view returns (address);
    function CREDENTIALS() external view returns (address);
    /// @notice What stands behind a self-post whose bond has not gone back yet.
    function bondOf(uint96 batch) external view returns (uint64 agreement, uint64 amount, BondSource source);
    /// @notice µ of an agreement's pledge that are reserved as bonds of its self-posts.
    function pledgeBonds(uint64 agreement) external view returns (uint64);
    /// @notice When anyone may post under `policy` with full signatures.
    function silentAt(uint16 policy) external view returns (uint256);
    /// @notice Whether a receipt carries full signatures now; never reverts for what it says.
    function faultOf(SignedReceipt calldata item) external view returns (ReceiptFault);
}
