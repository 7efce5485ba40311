// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {CloseReason, Mode, OpenRefusal, ReplaceSignatures, Terms} from "../types/EscrowTypes.sol";
import {EscrowOpening} from "./EscrowOpening.sol";

/// @title One agreement gives way to another in one call
abstract contract EscrowReplacing is EscrowOpening {
    /// @inheritdoc IEscrow
    function replace(uint64 old, uint80 finalUnits, Terms calldata terms, ReplaceSignatures calldata signatures)
        external
        nonReentrant
        returns (uint64 agreement)
    {
        Agreement storage record = _agreements[old];
        // Check
        Hot hot = _openHot(old, record);
        Cold cold = record.cold;
        if (hot.frozen() || hot.holds() != 0) revert Escrow_Held(old);
        if (terms.customer != cold.customer() || terms.funder != cold.funder()) {
            revert IEscrowExtension.Escrow_OtherParties(old);
        }
        Terms memory item = terms;
        bytes32 termsHash = TermsWords.hash(item);
        _checkReplacement(old, hot, cold, item, TermsWords.hashReplacement(old, finalUnits, termsHash), signatures);
        uint256 paidNew = _finalPay(old, hot, cold, finalUnits);
        // Effect: pay and close the old one, with the release of its pledge
        hot = _payUpTo(old, hot, paidNew);
        uint256 carried = _finish(old, hot, cold, CloseReason.REPLACED);
        // Effect: open the new one, or nothing of all this
        OpenContext memory context = _openContext();
        (OpenRefusal refusal, uint256 start, address customer) = _checkOffer(item, context);
        if (refusal == OpenRefusal.NONE) {
            (refusal, agreement) = _openSigned(item, termsHash, start, customer, context);
        }
        if (refusal != OpenRefusal.NONE) revert IEscrowExtension.Escrow_ReplacementRefused(old, uint8(refusal));
        _sequence = context.sequence;
        uint256 locked = item.budget + Fees.shareDown(item.budget, context.feeCustomer);
        emit IEscrowExtension.Replaced(old, agreement, carried < locked ? carried : locked);
        // Interaction
        _takePledges(context);
    }

    // Private

    /// @dev All whom a replacement concerns have signed it: who leaves, who comes, who orders, who pays.
    function _checkReplacement(
        uint64 old,
        Hot hot,
        Cold cold,
        Terms memory terms,
        bytes32 hash,
        ReplaceSignatures calldata signatures
    ) private view {
        bytes32 digest = _digest(hash);
        _checkSigned(old, _owned[cold.customer()].owner, digest, signatures.customer);
        if (hot.sponsored() && !_POLICY_BOOK.receiptTerms(hot.policy()).funderWaived) {
            _checkSigned(old, _owned[cold.funder()].owner, digest, signatures.funder);
        }
        address oldOwner = _STAKING.ownerOf(cold.operator());
        _checkSigned(old, oldOwner, digest, signatures.oldOperator);
        address newOwner = _STAKING.ownerOf(terms.operator);
        // An unknown operator is refused as such by the opening.
        if (newOwner != oldOwner && newOwner != address(0)) {
            _checkSigned(old, newOwner, digest, signatures.newOperator);
        }
    }

    /// @dev What the old agreement's payee gets in all: never less than it has.
    function _finalPay(uint64 old, Hot hot, Cold cold, uint80 finalUnits) private view returns (uint256 paidNew) {
        if (hot.mode() == Mode.LEASE) {
            uint256 most = LeaseClock.elapsed(hot, cold, block.timestamp);
            if (finalUnits > most) revert IEscrowExtension.Escrow_UnitsOutOfRange(old, finalUnits, most);
        }
        paidNew = Fees.grossDown(finalUnits, hot.unitPrice());
        if (paidNew > hot.budget()) paidNew = hot.budget();
    }
}
