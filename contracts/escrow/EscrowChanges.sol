// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {TypeHashes} from "../libraries/TypeHashes.sol";
import {CredentialKind} from "../types/CredentialTypes.sol";
import {Terms, TermsSignatures} from "../types/EscrowTypes.sol";
import {ReceiptTerms} from "../types/PolicyTypes.sol";
import {EscrowEnding} from "./EscrowEnding.sol";

/// @title What becomes of a running agreement: more money, or a beginning
abstract contract EscrowChanges is IEscrowExtension, EscrowEnding {
    using SafeCast for uint256;

    // User reads

    /// @inheritdoc IEscrowExtension
    function hashTerms(Terms calldata terms) external pure returns (bytes32) {
        return TermsWords.hash(terms);
    }

    /// @inheritdoc IEscrowExtension
    function hashReplacement(uint64 old, uint80 finalUnits, Terms calldata terms) external pure returns (bytes32) {
        return TermsWords.hashReplacement(old, finalUnits, TermsWords.hash(terms));
    }

    // User writes

    /// @inheritdoc IEscrowExtension
    function topUp(uint64 agreement, uint56 budget, Terms calldata terms, TermsSignatures calldata signatures)
        external
        delegated
        nonReentrant
    {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        Terms memory item = terms;
        bytes32 termsHash = TermsWords.hash(item);
        if (uint32(uint256(termsHash) >> 224) != uint32(agreement) || !_agree(hot, cold, item)) {
            revert Escrow_WrongTerms(agreement);
        }
        bytes32 digest = _digest(termsHash);
        _checkSigned(agreement, _owned[cold.customer()].owner, digest, signatures.customer);
        _checkSigned(agreement, _STAKING.ownerOf(cold.operator()), digest, signatures.operator);
        // Effect, then interaction
        _topUp(agreement, hot, cold, budget, item.maxBudget);
    }

    /// @inheritdoc IEscrowExtension
    function topUpSigned(uint64 agreement, uint56 budget, uint40 deadline, bytes calldata signature)
        external
        delegated
        nonReentrant
    {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        if (block.timestamp > deadline) revert Escrow_DeadlinePassed(deadline);
        bytes32 digest = _digest(keccak256(abi.encode(TypeHashes.TOP_UP, agreement, budget, deadline)));
        _checkSigned(agreement, _STAKING.ownerOf(cold.operator()), digest, signature);
        // Effect, then interaction
        _topUp(agreement, hot, cold, budget, type(uint56).max);
    }

    /// @inheritdoc IEscrowExtension
    function begin(uint64 agreement, address device) external delegated nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        if (msg.sender != _STAKING.ownerOf(cold.operator())) revert IEscrow.Escrow_NotParty(agreement, msg.sender);
        if (!cold.unbegun()) revert Escrow_AlreadyBegun(agreement);
        if (hot.frozen()) revert IEscrow.Escrow_Held(agreement);
        uint256 start = cold.earliest();
        if (start < block.timestamp) start = block.timestamp;
        if (start >= cold.endsAt()) revert Escrow_Ended(agreement, cold.endsAt());
        ReceiptTerms memory policy = _POLICY_BOOK.receiptTerms(hot.policy());
        if (!_CREDENTIALS.isValidAs(
                policy.issuer,
                CredentialKind.TEE,
                device,
                bytes32(uint256(agreement)),
                policy.measurement,
                uint40(block.timestamp)
            )) revert Escrow_DeviceNotAttested(agreement, device);
        // Effect
        record.cold = cold.begunAt(start.toUint32());
        emit Begun(agreement, device, start.toUint32());
    }

    // Private

    /// @dev Whether Terms are of the agreement as far as its slots tell: 32 bits of a hash are not enough to be sure.
    function _agree(Hot hot, Cold cold, Terms memory terms) private pure returns (bool) {
        return terms.customer == cold.customer() && terms.funder == cold.funder() && terms.operator == cold.operator()
            && terms.expiry == cold.end() && terms.payee == hot.payee() && terms.mode == hot.mode()
            && terms.policy == hot.policy() && terms.unitPrice == hot.unitPrice();
    }

    /// @dev Raises the budget: locks the difference, fee included, and pledges the difference of the rounded-up shares.
    function _topUp(uint64 agreement, Hot hot, Cold cold, uint56 budget, uint56 most) private {
        // Check
        uint32 funder = cold.funder();
        _checkOwner(funder);
        if (hot.frozen()) revert IEscrow.Escrow_Held(agreement);
        uint256 end = LeaseClock.endOf(hot, cold);
        if (block.timestamp >= end) revert Escrow_Ended(agreement, end);
        uint256 old = hot.budget();
        if (budget <= old || budget > most) revert Escrow_BudgetOutOfRange(agreement, budget, most);
        uint256 amount = budget - old + Fees.riseDown(old, budget, hot.feeCustomer());
        Balance storage balance = _balances[funder];
        uint256 free = balance.free;
        if (amount > free) revert IEscrow.Escrow_NotEnoughFree(funder, free, amount);
        // Effect
        balance.free = (free - amount).toUint128();
        balance.locked = (balance.locked + amount).toUint128();
        if (hot.sponsored()) {
            Allowance storage allowance = _allowances[funder][cold.customer()][hot.policy()];
            uint256 allowed = allowance.amount;
            if (amount > allowed) revert Escrow_NotEnoughAllowance(funder, allowed, amount);
            allowance.amount = (allowed - amount).toUint128();
        }
        Hot raised = hot.withBudget(budget);
        _agreements[agreement].hot = raised;
        emit ToppedUp(agreement, budget);
        // Interaction: Staking is ours and calls nobody here.
        uint64 pledge = _pledgeOf(raised) - _pledgeOf(hot);
        if (pledge != 0 && !_STAKING.tryPledge(cold.operator(), pledge)) {
            revert Escrow_NotEnoughStake(cold.operator(), pledge);
        }
    }
}
