// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IReceiptLedger} from "../interfaces/IReceiptLedger.sol";
import {IReceiptLedgerExtension} from "../interfaces/IReceiptLedgerExtension.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {Mode, Status} from "../types/EscrowTypes.sol";
import {PostingTerms, VerificationKind} from "../types/PolicyTypes.sol";
import {Batch, BondSource, Receipt, ReceiptFault, SignedFigure, SignedReceipt} from "../types/ReceiptTypes.sol";
import {ReceiptChecks} from "./ReceiptChecks.sol";

/// @title Ways to be paid by signatures shown on chain: countersigned, reported, signed post, self-post
abstract contract SignedPaths is IReceiptLedgerExtension, ReceiptChecks {
    using SafeCast for uint256;

    /// @dev Most items of one `selfPost`.
    uint256 private constant MAX_SELF_POSTS = 64;
    /// @dev What a batch of signed receipts may move: all that it says, since nothing of it stands on a relayer's word.
    uint64 private constant ANY_VALUE = type(uint64).max;

    // User reads

    /// @inheritdoc IReceiptLedgerExtension
    function silentAt(uint16 policy) public view returns (uint256) {
        _checkHere();
        PostingTerms memory terms = _POLICY_BOOK.postingTerms(policy);
        if (terms.relayer == 0) revert IReceiptLedger.ReceiptLedger_UnknownPolicy(policy);
        uint40 last = _posters[_poster(policy, terms.relayer)].lastPost;
        return uint256(last > terms.addedAt ? last : terms.addedAt) + terms.silentAfter;
    }

    /// @inheritdoc IReceiptLedgerExtension
    function bondOf(uint96 batch) external view returns (uint64 agreement, uint64 amount, BondSource source) {
        _checkHere();
        Bond memory bond = _bonds[batch];
        return (bond.agreement, bond.amount, bond.source);
    }

    /// @inheritdoc IReceiptLedgerExtension
    function pledgeBonds(uint64 agreement) external view returns (uint64) {
        _checkHere();
        return _pledgeBonds[agreement];
    }

    // User writes

    /// @inheritdoc IReceiptLedgerExtension
    function collect(SignedReceipt[] calldata items) external nonReentrant returns (uint256 moved) {
        _checkHere();
        (Hot[] memory hot, Cold[] memory cold) = _slotsOf(items, MAX_ITEMS);
        Context memory context = _contextAt(block.timestamp);
        SignedFigure[] memory figures = new SignedFigure[](items.length);
        uint256[] memory places = new uint256[](items.length);
        uint256 count;
        for (uint256 i = 0; i < items.length; ++i) {
            // Check
            (ReceiptFault fault, uint64 most) = _checkCountersigned(items[i], hot[i], cold[i], context);
            if (fault != ReceiptFault.NONE) {
                _refuse(i, items[i].receipt, fault);
            } else if (most == UNLIMITED) {
                (figures[count], places[count]) = (_figureOf(items[i].receipt, UNLIMITED), i);
                ++count;
            } else {
                // What a key with a total may still accept depends on the item before: one at a time.
                moved += _collectLimited(i, items[i], cold[i].customer(), most);
            }
        }
        if (count == 0) return moved;
        // Effect: all others in one call.
        assembly ("memory-safe") {
            mstore(figures, count)
        }
        (uint256[] memory gross, uint256[] memory fees) = _ESCROW.settleSigned(figures);
        for (uint256 i = 0; i < count; ++i) {
            moved += _tellCollected(places[i], items[places[i]].receipt, gross[i], fees[i]);
        }
    }

    /// @inheritdoc IReceiptLedgerExtension
    function reportDowntime(SignedReceipt[] calldata items) external nonReentrant {
        _checkHere();
        (Hot[] memory hot, Cold[] memory cold) = _slotsOf(items, MAX_ITEMS);
        Context memory context = _contextAt(block.timestamp);
        for (uint256 i = 0; i < items.length; ++i) {
            Receipt calldata receipt = items[i].receipt;
            // Check
            ReceiptFault fault = _checkDowntime(items[i], hot[i], cold[i], context);
            // Effect
            if (fault == ReceiptFault.NONE && !_ESCROW_MORE.setDowntime(receipt.agreement, receipt.units)) {
                fault = ReceiptFault.NOTHING_DUE;
            }
            if (fault != ReceiptFault.NONE) _refuse(i, receipt, fault);
        }
    }

    /// @inheritdoc IReceiptLedgerExtension
    function postSigned(uint16 policy, SignedReceipt[] calldata items) external nonReentrant returns (uint96 batch) {
        // Check
        uint256 silent = silentAt(policy);
        if (block.timestamp < silent) revert ReceiptLedger_RelayerNotSilent(policy, silent);
        bytes memory figures = Figures.room(items.length);
        (uint256 leaves, bytes32 root) = _takeSigned(policy, items, figures);
        if (leaves == 0) revert ReceiptLedger_NothingToPost();
        // Effect: in nobody's value in flight, so there is nothing to retire.
        batch = _record(policy, 0, leaves, SIGNED | RETIRED, root, keccak256(figures));
    }

    /// @inheritdoc IReceiptLedgerExtension
    function selfPost(SignedReceipt[] calldata items) external nonReentrant returns (uint96[] memory batches) {
        _checkHere();
        (Hot[] memory hot, Cold[] memory cold) = _slotsOf(items, MAX_SELF_POSTS);
        Context memory context = _contextAt(block.timestamp);
        batches = new uint96[](items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            // Check
            ReceiptFault fault = _isForeign(hot[i], cold[i])
                ? ReceiptFault.NOT_OPERATOR
                : _checkFull(items[i], hot[i], cold[i], context);
            // Effect
            if (fault == ReceiptFault.NONE) (fault, batches[i]) = _selfPost(items[i].receipt, hot[i], cold[i]);
            if (fault != ReceiptFault.NONE) _refuse(i, items[i].receipt, fault);
        }
    }

    // Internal

    /// @dev Reverts when the extension is called by itself, at its own address.
    function _checkHere() internal view virtual;

    // Private

    /// @dev The device's signature and the acceptance; verdicts are not looked at.
    function _checkCountersigned(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        private
        view
        returns (ReceiptFault fault, uint64 most)
    {
        fault = _checkDevice(item, hot, cold, context);
        if (fault != ReceiptFault.NONE) return (fault, 0);
        if (hot.frozen()) return (ReceiptFault.FROZEN, 0);
        return _checkAcceptance(item, hot, cold, context);
    }

    /// @dev The provider's own receipt, or the verdicts of a policy that has verifiers.
    function _checkDowntime(SignedReceipt calldata item, Hot hot, Cold cold, Context memory context)
        private
        view
        returns (ReceiptFault fault)
    {
        fault = _checkPeriod(item.receipt, hot, cold);
        if (fault != ReceiptFault.NONE) return fault;
        if (hot.mode() != Mode.LEASE) return ReceiptFault.NOT_A_LEASE;
        if (_deviceOf(item, cold.operator(), context) != address(0)) return ReceiptFault.NONE;
        VerificationKind kind = _kindOf(hot.policy(), context);
        if (item.device.length != 0 || (kind != VerificationKind.ATTESTED && kind != VerificationKind.QUORUM)) {
            return ReceiptFault.BAD_DEVICE_SIGNATURE;
        }
        return _hasVerdicts(item, hot.policy(), context) ? ReceiptFault.NONE : ReceiptFault.NOT_ENOUGH_VERDICTS;
    }

    /// @dev Pays what a session key with a total accepted, and books it.
    function _collectLimited(uint256 index, SignedReceipt calldata item, uint32 customer, uint64 most)
        private
        returns (uint256 moved)
    {
        SignedFigure[] memory one = new SignedFigure[](1);
        one[0] = _figureOf(item.receipt, most);
        (uint256[] memory gross, uint256[] memory fees) = _ESCROW.settleSigned(one);
        if (gross[0] != 0) _SESSION_KEYS.spend(customer, item.sessionKey, SafeCast.toUint56(gross[0]));
        return _tellCollected(index, item.receipt, gross[0], fees[0]);
    }

    /// @return moved µ (gross + customer fee).
    function _tellCollected(uint256 index, Receipt calldata receipt, uint256 gross, uint256 feeCustomer)
        private
        returns (uint256 moved)
    {
        if (gross == 0) _refuse(index, receipt, ReceiptFault.NOTHING_DUE);
        else emit Collected(receipt.agreement, receipt.units, gross);
        return gross + feeCustomer;
    }

    /// @dev Writes the figures of the good items of a signed post.
    /// @return count How many. @return root Of their tree; 0 when there are none.
    function _takeSigned(uint16 policy, SignedReceipt[] calldata items, bytes memory figures)
        private
        returns (uint256 count, bytes32 root)
    {
        (Hot[] memory hot, Cold[] memory cold) = _slotsOf(items, MAX_ITEMS);
        Context memory context = _contextAt(block.timestamp);
        bytes32[] memory leaves = new bytes32[](items.length);
        uint64 last;
        for (uint256 i = 0; i < items.length; ++i) {
            Receipt calldata receipt = items[i].receipt;
            ReceiptFault fault = _checkFull(items[i], hot[i], cold[i], context);
            if (fault == ReceiptFault.NONE && hot[i].policy() != policy) fault = ReceiptFault.OTHER_POLICY;
            if (fault == ReceiptFault.NONE && receipt.agreement <= last) fault = ReceiptFault.NOT_RISING;
            if (fault != ReceiptFault.NONE) {
                _refuse(i, receipt, fault);
                continue;
            }
            last = receipt.agreement;
            bytes18 figure = Figures.pack(receipt.agreement, receipt.units);
            Figures.write(figures, count, figure);
            leaves[count] = BatchTree.leaf(count, figure, receipt.outputRoot);
            ++count;
        }
        Figures.cut(figures, count);
        if (count != 0) root = BatchTree.rootOfLeaves(leaves, count);
    }

    /// @dev Takes the bond and posts a batch of one leaf, or changes nothing.
    function _selfPost(Receipt calldata receipt, Hot hot, Cold cold) private returns (ReceiptFault, uint96 batch) {
        (uint16 policy, uint32 operator) = (hot.policy(), cold.operator());
        uint64 amount = _POLICY_BOOK.selfPostBond(policy);
        BondSource source;
        if (amount != 0) {
            // Interaction: Staking is ours, and changes nothing when it says no. What it asks the currency for, it asks
            // under our guard and its own.
            source = _RESERVES.takeBond({
                operator: operator,
                amount: amount,
                pledge: _pledgeOf(hot) - _pledgeBonds[receipt.agreement],
                payer: msg.sender
            });
            if (source == BondSource.NONE) return (ReceiptFault.NO_BOND, 0);
        }
        // Effect
        bytes18 figure = Figures.pack(receipt.agreement, receipt.units);
        batch = _record(
            policy,
            operator,
            1,
            SELF,
            BatchTree.leaf(0, figure, receipt.outputRoot),
            keccak256(abi.encodePacked(figure))
        );
        if (amount != 0) {
            _bonds[batch] = Bond({agreement: receipt.agreement, amount: amount, source: source});
            if (source == BondSource.PLEDGE) _pledgeBonds[receipt.agreement] += amount;
        }
        emit SelfPosted(batch, operator, receipt.agreement, amount);
        return (ReceiptFault.NONE, batch);
    }

    /// @dev Stores a batch of signed receipts under the next number of its line: policy 0 for a self-post, operator 0 for a
    /// signed post.
    function _record(uint16 policy, uint32 operator, uint256 leaves, uint24 flags, bytes32 root, bytes32 figuresHash)
        private
        returns (uint96 batch)
    {
        uint16 line = flags & SELF != 0 ? 0 : policy;
        Poster storage poster = _posters[_poster(line, operator)];
        uint48 nonce = poster.nonce;
        (poster.nonce, poster.lastPost) = (nonce + 1, uint40(block.timestamp));
        batch = _batchNumber(line, operator, nonce);
        _batches[batch] = Batch({
            postedAt: uint40(block.timestamp),
            policy: policy,
            leaves: leaves.toUint16(),
            relayer: operator,
            value: ANY_VALUE,
            moved: 0,
            flags: flags,
            root: root,
            figuresHash: figuresHash
        });
        emit IReceiptLedger.BatchPosted(batch, policy, operator, leaves.toUint16(), ANY_VALUE, root, figuresHash);
    }

    /// @dev Whether somebody else than the operator's owner calls about an open agreement.
    function _isForeign(Hot hot, Cold cold) private view returns (bool) {
        return hot.status() == Status.OPEN && msg.sender != _STAKING.ownerOf(cold.operator());
    }

    /// @dev ceil(budget * coverage): what the Escrow pledged for the agreement.
    function _pledgeOf(Hot hot) private view returns (uint64) {
        return Fees.shareUp(hot.budget(), _POLICY_BOOK.coverageOf(hot.policy())).toUint64();
    }

    function _refuse(uint256 index, Receipt calldata receipt, ReceiptFault fault) private {
        emit ReceiptRefused(index, receipt.agreement, fault);
    }

    function _figureOf(Receipt calldata receipt, uint64 most) private pure returns (SignedFigure memory) {
        return SignedFigure({agreement: receipt.agreement, units: receipt.units, until: receipt.periodEnd, cap: most});
    }
}
