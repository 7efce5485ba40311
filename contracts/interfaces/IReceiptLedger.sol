// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Batch, BatchHeader} from "../types/DataTypes.sol";

/// @title Posted batches, their windows, and what may be settled
/// @notice One batch is of one policy and posted by that policy's relayer. A figure is 18 bytes: agreement uint64, units
/// uint80, big-endian, numbers strictly rising. Leaf i = keccak256(uint16 i, 18 bytes, 32 bytes outputRoot). The tree is
/// OpenZeppelin's heap (node[j] = H(sorted children), leaf i at 2n-2-i), so `MerkleProof` verifies it.
/// A batch's number is policy << 80 | operator << 48 | nonce: known before it is posted.
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
    /// @notice Takes the value of a batch whose window has passed out of flight without settling. Anyone.
    function retire(uint96 batch) external;

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
}
