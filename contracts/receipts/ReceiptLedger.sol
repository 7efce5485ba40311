// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IReceiptLedgerExtension} from "../interfaces/IReceiptLedgerExtension.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {Figures} from "../libraries/Figures.sol";
import {TypeHashes} from "../libraries/TypeHashes.sol";
import {SettleOrder} from "../types/EscrowTypes.sol";
import {PostingTerms} from "../types/PolicyTypes.sol";
import {Batch, BatchHeader} from "../types/ReceiptTypes.sol";
import {KeyKind} from "../types/StakingTypes.sol";
import {InstantReleases} from "./InstantReleases.sol";
import {LedgerBase, LedgerParameters} from "./LedgerBase.sol";
import {LedgerGuard} from "./LedgerGuard.sol";

/// @title ReceiptLedger: batches of cumulative figures, and the window before they are paid
/// @dev What stands on signatures alone is in {ReceiptLedgerExtension}, which works on this contract's storage.
contract ReceiptLedger is InstantReleases, LedgerGuard {
    using SafeCast for uint256;

    /// @inheritdoc IReceiptLedger
    address public immutable EXTENSION;

    constructor(LedgerParameters memory p) LedgerBase(p) LedgerGuard(p) {
        // Check: the extension works at this address alone.
        if (p.ledger != address(this)) revert IReceiptLedgerExtension.ReceiptLedger_NotHere();
        EXTENSION = p.extension;
    }

    /// @dev What this contract does not know, its extension may: on this storage, with this caller.
    // solhint-disable-next-line no-complex-fallback
    fallback() external {
        address extension = EXTENSION;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), extension, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(ok) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    // User reads

    /// @inheritdoc IReceiptLedger
    function ESCROW() external view returns (address) {
        return address(_ESCROW);
    }

    /// @inheritdoc IReceiptLedger
    function STAKING() external view returns (address) {
        return address(_STAKING);
    }

    /// @inheritdoc IReceiptLedger
    function POLICY_BOOK() external view returns (address) {
        return address(_POLICY_BOOK);
    }

    /// @inheritdoc IReceiptLedger
    function batchOf(uint96 batch) external view returns (Batch memory) {
        return _batches[batch];
    }

    /// @inheritdoc IReceiptLedger
    function settleableAt(uint96 batch) external view returns (uint256) {
        return _settleableAt(batch, _batches[batch]);
    }

    /// @inheritdoc IReceiptLedger
    function batchNumber(uint16 policy, uint32 operator, uint48 nonce) external pure returns (uint96) {
        return _batchNumber(policy, operator, nonce);
    }

    /// @inheritdoc IReceiptLedger
    function nextNonce(uint16 policy, uint32 operator) external view returns (uint48) {
        return _posters[_poster(policy, operator)].nonce;
    }

    /// @inheritdoc IReceiptLedger
    function inFlight(uint32 operator) external view returns (uint256) {
        return _inFlight[operator];
    }

    /// @inheritdoc IReceiptLedger
    function rootOf(bytes calldata figures, bytes calldata outputs) external pure returns (bytes32) {
        return BatchTree.root(figures, outputs, _checkLengths(figures, outputs));
    }

    // User writes

    /// @inheritdoc IReceiptLedger
    function post(
        BatchHeader calldata header,
        bytes calldata figures,
        bytes calldata outputs,
        bytes[] calldata signatures
    ) external nonReentrant returns (uint96 batch) {
        // Check
        if (block.timestamp < _pausedUntil) {
            revert ReceiptLedger_PostingPaused(_pausedUntil);
        }
        if (block.timestamp > header.deadline) revert ReceiptLedger_DeadlinePassed(header.deadline);
        uint256 leaves = _checkLengths(figures, outputs);
        uint256 fall = Figures.firstFall(figures, leaves);
        if (fall != leaves) revert ReceiptLedger_NotRising(fall);
        bytes32 figuresHash = keccak256(figures);
        bytes32 root = BatchTree.root(figures, outputs, leaves);
        (uint32 relayer, uint256 limit) = _checkRelayer(_digest(header, figuresHash, root), header.policy, signatures);
        uint256 flying = _inFlight[relayer];
        if (flying + header.value > limit) revert ReceiptLedger_ValueAboveLimit(flying, header.value, limit);
        Poster storage poster = _posters[_poster(header.policy, relayer)];
        uint48 nonce = poster.nonce;
        if (header.nonce != nonce) revert ReceiptLedger_WrongNonce(nonce, header.nonce);
        // Effect
        (poster.nonce, poster.lastPost) = (nonce + 1, uint40(block.timestamp));
        _inFlight[relayer] = flying + header.value;
        batch = _batchNumber(header.policy, relayer, nonce);
        _batches[batch] = Batch({
            postedAt: uint40(block.timestamp),
            policy: header.policy,
            leaves: uint16(leaves),
            relayer: relayer,
            value: header.value,
            moved: 0,
            flags: 0,
            root: root,
            figuresHash: figuresHash
        });
        emit BatchPosted(batch, header.policy, relayer, uint16(leaves), header.value, root, figuresHash);
    }

    /// @inheritdoc IReceiptLedger
    function settle(uint96 batch, bytes calldata figures) external nonReentrant returns (uint256 moved) {
        Batch memory record = _batches[batch];
        // Check
        _checkSettleable(batch, record);
        if (keccak256(figures) != record.figuresHash) revert ReceiptLedger_WrongFigures(batch);
        // Effect
        moved = _settle(batch, record, figures, _skipMask(batch, record));
    }

    /// @inheritdoc IReceiptLedger
    function settleOne(uint96 batch, uint256 index, bytes18 figure, bytes32 output, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 moved)
    {
        Batch memory record = _batches[batch];
        // Check: the leaf binds the index, so one proof stands for one place.
        _checkSettleable(batch, record);
        if (
            index >= record.leaves
                || !MerkleProof.verifyCalldata(proof, record.root, BatchTree.leaf(index, figure, output))
        ) revert ReceiptLedger_BadProof(batch, index);
        // Effect
        uint256 blocked = (_skipMask(batch, record) >> index) & 1;
        moved = _settle(batch, record, abi.encodePacked(figure), blocked);
    }

    /// @inheritdoc IReceiptLedger
    function retire(uint96 batch) external nonReentrant {
        Batch memory record = _batches[batch];
        // Check
        _checkWindow(batch, record);
        if (record.flags & RETIRED != 0) revert ReceiptLedger_AlreadyRetired(batch);
        // Effect
        _retire(batch, record);
        if (record.flags & RETIRED == 0) revert ReceiptLedger_BondHeld(batch, _bonds[batch].agreement);
        _batches[batch].flags = record.flags;
    }

    // Private

    /// @dev Pays through the Escrow, which skips what it cannot pay, and books what moved.
    function _settle(uint96 batch, Batch memory record, bytes memory figures, uint256 skipMask)
        private
        returns (uint256 moved)
    {
        _retire(batch, record);
        SettleOrder memory order = SettleOrder({
            policy: record.policy,
            postedAt: record.postedAt,
            cap: record.value - record.moved,
            grossCap: _grossCap(record)
        });
        moved = _ESCROW.settle(order, figures, skipMask);
        record.moved += moved.toUint64();
        Batch storage stored = _batches[batch];
        (stored.moved, stored.flags) = (record.moved, record.flags);
        emit BatchSettled(batch, record.moved);
    }

    /// @dev Leaves under challenge and void ones; reverts while too many are under challenge.
    function _skipMask(uint96 batch, Batch memory record) private view returns (uint256) {
        if (record.flags & BLOCKED == 0) return 0;
        Blocked storage blocked = _blocked[batch];
        if (blocked.open >= BROKEN) revert ReceiptLedger_UnderChallenge(batch, blocked.open);
        return blocked.mask;
    }

    /// @dev The policy's relayer is active and enough of its signers vouch for the batch.
    /// @return relayer The operator. @return limit µ that it may have in flight.
    function _checkRelayer(bytes32 digest, uint16 policy, bytes[] calldata signatures)
        private
        view
        returns (uint32 relayer, uint256 limit)
    {
        PostingTerms memory terms = _POLICY_BOOK.postingTerms(policy);
        relayer = terms.relayer;
        if (relayer == 0) revert ReceiptLedger_UnknownPolicy(policy);
        (bool active, uint64 free, uint8 threshold) = _STAKING.postingTerms(relayer);
        if (!active) revert ReceiptLedger_RelayerNotActive(relayer);
        limit = Math.min(terms.valueCap, uint256(terms.stakeMultiple) * free);
        _checkSigners(digest, relayer, threshold, signatures);
    }

    /// @dev Signers rise by address, so none counts twice; the caller counts as one when it is a signer itself.
    function _checkSigners(bytes32 digest, uint32 relayer, uint256 threshold, bytes[] calldata signatures)
        private
        view
    {
        uint256 valid = _isSigner(relayer, msg.sender) ? 1 : 0;
        address last;
        for (uint256 i = 0; i < signatures.length; ++i) {
            (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signatures[i]);
            if (
                failure != ECDSA.RecoverError.NoError || signer <= last || signer == msg.sender
                    || !_isSigner(relayer, signer)
            ) revert ReceiptLedger_BadSignatures(valid, threshold);
            last = signer;
            ++valid;
        }
        if (valid < threshold) revert ReceiptLedger_BadSignatures(valid, threshold);
    }

    function _isSigner(uint32 relayer, address key) private view returns (bool) {
        return _STAKING.isKeyValid(relayer, KeyKind.SIGNER, key, uint40(block.timestamp));
    }

    function _digest(BatchHeader calldata header, bytes32 figuresHash, bytes32 root) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    TypeHashes.BATCH, header.policy, header.value, figuresHash, root, header.nonce, header.deadline
                )
            )
        );
    }

    /// @dev Reverts while the window runs, and for good once the batch was cancelled.
    function _checkSettleable(uint96 batch, Batch memory record) private view {
        if (record.flags & CANCELLED != 0) revert ReceiptLedger_Cancelled(batch);
        _checkWindow(batch, record);
    }

    function _checkLengths(bytes calldata figures, bytes calldata outputs) private pure returns (uint256 leaves) {
        leaves = figures.length / Figures.SIZE;
        if (
            leaves == 0 || leaves > Figures.MAX || figures.length != leaves * Figures.SIZE
                || outputs.length != leaves * 32
        ) revert ReceiptLedger_BadLength(figures.length, outputs.length);
    }
}
