// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {ColdSlot} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {HotSlot} from "../libraries/HotSlot.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {Mode, OpenRefusal, Terms, TermsSignatures} from "../types/EscrowTypes.sol";
import {OpeningTerms, VerificationKind} from "../types/PolicyTypes.sol";
import {HardwareClass} from "../types/StakingTypes.sol";
import {EscrowEnding} from "./EscrowEnding.sol";

/// @title The checks of an opening, in the order of {OpenRefusal}, and what it writes
abstract contract EscrowOpening is IEscrow, EscrowEnding {
    using SafeCast for uint256;

    /// @dev What openings read once for a run of items, and the pledge of a run of one operator, which is taken at once.
    struct OpenContext {
        bytes32 domain;
        uint256 feeProvider;
        uint256 feeCustomer;
        uint32 sequence;
        uint16 policy;
        OpeningTerms opening;
        uint32 operator;
        address operatorOwner;
        bool able;
        uint256 pledgeable;
        uint256 pledging;
    }

    /// @notice Longest time from an agreement's start to its expiry, and from its opening to its start.
    uint256 internal constant MAX_TERM = 400 days;

    // User reads

    /// @inheritdoc IEscrow
    function nonceSpent(address signer, uint256 nonce) external view returns (bool) {
        return _isSpent(signer, nonce);
    }

    // User writes

    /// @inheritdoc IEscrow
    function open(Terms[] calldata terms, TermsSignatures[] calldata signatures)
        external
        nonReentrant
        returns (uint64[] memory agreements)
    {
        // Check
        if (block.timestamp < _pausedUntil) revert IEscrowExtension.Escrow_OpeningPaused(_pausedUntil);
        uint256 items = terms.length;
        if (items != signatures.length) revert Escrow_LengthMismatch();
        _checkItems(items);
        agreements = new uint64[](items);
        OpenContext memory context = _openContext();
        Terms memory item;
        for (uint256 i = 0; i < items; ++i) {
            TermsWords.load(item, terms[i]);
            bytes32 termsHash = TermsWords.hash(item);
            (OpenRefusal refusal, uint64 agreement) = _openOne(item, signatures[i], termsHash, context);
            if (refusal == OpenRefusal.NONE) agreements[i] = agreement;
            else emit OpenRefused(i, termsHash, refusal);
        }
        // Effect
        _sequence = context.sequence;
        // Interaction
        _takePledges(context);
    }

    /// @inheritdoc IEscrow
    function cancelNonces(uint256 word, uint256 mask) external nonReentrant {
        _nonces[msg.sender][word] |= mask;
        emit NoncesSpent(msg.sender, word, mask);
    }

    // Internal

    function _openContext() internal view returns (OpenContext memory context) {
        (context.feeProvider, context.feeCustomer) = (_feeProvider, _feeCustomer);
        context.sequence = _sequence;
        context.domain = _domainSeparator();
    }

    /// @dev Everything but signatures and what changes with the opening itself.
    /// @return refusal Why it cannot open.
    /// @return start When the clock starts, or may start at the earliest.
    /// @return customer The customer's owner.
    function _checkOffer(Terms memory terms, OpenContext memory context)
        internal
        returns (OpenRefusal refusal, uint256 start, address customer)
    {
        (refusal, start) = _checkTerms(terms, context);
        if (refusal == OpenRefusal.NONE) (refusal, customer) = _checkParties(terms, context);
    }

    /// @dev Opens a signed offer, or changes nothing.
    function _openSigned(
        Terms memory terms,
        bytes32 termsHash,
        uint256 start,
        address customer,
        OpenContext memory context
    ) internal returns (OpenRefusal refusal, uint64 agreement) {
        refusal = _checkCredentials(customer, context);
        if (refusal == OpenRefusal.NONE) refusal = _lock(terms, context);
        if (refusal == OpenRefusal.NONE) agreement = _write(terms, termsHash, start, customer, context);
    }

    // Private

    /// @dev Checks one item, in the order of {OpenRefusal}, and opens it. Changes nothing when it refuses.
    function _openOne(
        Terms memory terms,
        TermsSignatures calldata signatures,
        bytes32 termsHash,
        OpenContext memory context
    ) private returns (OpenRefusal, uint64) {
        (OpenRefusal refusal, uint256 start, address customer) = _checkOffer(terms, context);
        if (refusal != OpenRefusal.NONE) return (refusal, 0);
        bytes32 digest = MessageHashUtils.toTypedDataHash(context.domain, termsHash);
        if (msg.sender != customer && !Signatures.isBy(customer, digest, signatures.customer)) {
            return (OpenRefusal.BAD_CUSTOMER_SIGNATURE, 0);
        }
        address operator = context.operatorOwner;
        if (msg.sender != operator && !Signatures.isBy(operator, digest, signatures.operator)) {
            return (OpenRefusal.BAD_OPERATOR_SIGNATURE, 0);
        }
        return _openSigned(terms, termsHash, start, customer, context);
    }

    /// @dev What the terms say for themselves.
    /// @return start When the clock starts, or may start at the earliest.
    function _checkTerms(Terms memory terms, OpenContext memory context)
        private
        view
        returns (OpenRefusal, uint256 start)
    {
        if (block.timestamp > terms.deadline) return (OpenRefusal.DEADLINE_PASSED, 0);
        if (terms.unitPrice == 0) return (OpenRefusal.PRICE_IS_ZERO, 0);
        if (terms.budget == 0 || terms.budget > terms.maxBudget) return (OpenRefusal.BUDGET_OUT_OF_RANGE, 0);
        start = terms.start > block.timestamp ? terms.start : block.timestamp;
        if (start > block.timestamp + MAX_TERM || terms.expiry <= start || terms.expiry > start + MAX_TERM) {
            return (OpenRefusal.TIMES_OUT_OF_RANGE, 0);
        }
        if (terms.policy != context.policy) {
            context.opening = _POLICY_BOOK.openingTerms(terms.policy);
            context.policy = terms.policy;
        }
        if (!context.opening.openable) return (OpenRefusal.POLICY_NOT_OPEN, 0);
        if (context.feeProvider > terms.maxFeeProvider || context.feeCustomer > terms.maxFeeCustomer) {
            return (OpenRefusal.FEE_ABOVE_MAXIMUM, 0);
        }
        return (OpenRefusal.NONE, start);
    }

    /// @dev Accounts, operator and nonces.
    function _checkParties(Terms memory terms, OpenContext memory context)
        private
        returns (OpenRefusal, address customer)
    {
        customer = _owned[terms.customer].owner;
        Owned storage payee = _owned[terms.payee];
        if (
            customer == address(0) || (payee.owner == address(0) && !payee.split)
                || (terms.funder != terms.customer && _owned[terms.funder].owner == address(0))
        ) return (OpenRefusal.UNKNOWN_ACCOUNT, customer);
        if (terms.operator != context.operator) {
            _takePledges(context);
            context.operator = terms.operator;
            (context.operatorOwner, context.able, context.pledgeable) = _STAKING.pledgeTerms(terms.operator);
        }
        address operator = context.operatorOwner;
        if (operator == address(0)) return (OpenRefusal.UNKNOWN_OPERATOR, customer);
        // One person on both sides has one nonce space, so two different nonces are needed.
        if (
            _isSpent(customer, terms.customerNonce) || _isSpent(operator, terms.operatorNonce)
                || (customer == operator && terms.customerNonce == terms.operatorNonce)
        ) return (OpenRefusal.NONCE_SPENT, customer);
        return (OpenRefusal.NONE, customer);
    }

    /// @dev What the policy asks of people; most policies ask for nothing.
    function _checkCredentials(address customer, OpenContext memory context) private view returns (OpenRefusal) {
        OpeningTerms memory opening = context.opening;
        uint16 mask = opening.customerCredentials;
        if (mask != 0 && !_CREDENTIALS.meets(opening.issuer, mask, customer)) {
            return OpenRefusal.CUSTOMER_CREDENTIAL_MISSING;
        }
        mask = opening.operatorCredentials;
        if (mask == 0) return OpenRefusal.NONE;
        (address owner, HardwareClass hardwareClass, uint16 region) =
            IOperatorRegistry(address(_STAKING)).profileOf(context.operator);
        return _CREDENTIALS.meetsAs(opening.issuer, mask, owner, hardwareClass, region)
            ? OpenRefusal.NONE
            : OpenRefusal.OPERATOR_CREDENTIAL_MISSING;
    }

    /// @dev Locks the funder's money and notes the pledge, or changes nothing.
    function _lock(Terms memory terms, OpenContext memory context) private returns (OpenRefusal) {
        uint256 amount = terms.budget + Fees.shareDown(terms.budget, context.feeCustomer);
        Balance storage balance = _balances[terms.funder];
        (uint256 free, uint256 locked) = (balance.free, balance.locked);
        bool sponsored = terms.funder != terms.customer;
        // Check
        if (amount > free) return OpenRefusal.NOT_ENOUGH_FUNDS;
        if (sponsored && amount > _allowances[terms.funder][terms.customer][terms.policy].amount) {
            return OpenRefusal.NOT_ENOUGH_ALLOWANCE;
        }
        uint256 pledging = context.pledging + Fees.shareUp(terms.budget, context.opening.coverageBps);
        if (!context.able || pledging > context.pledgeable) return OpenRefusal.NOT_ENOUGH_STAKE;
        // Effect
        context.pledging = pledging;
        _balances[terms.funder] = Balance({free: (free - amount).toUint128(), locked: (locked + amount).toUint128()});
        if (sponsored) _allowances[terms.funder][terms.customer][terms.policy].amount -= amount.toUint128();
        return OpenRefusal.NONE;
    }

    /// @dev Writes an agreement whose checks are done.
    function _write(Terms memory terms, bytes32 termsHash, uint256 start, address customer, OpenContext memory context)
        private
        returns (uint64 agreement)
    {
        _nonces[customer][terms.customerNonce >> 8] |= _bit(terms.customerNonce);
        _nonces[context.operatorOwner][terms.operatorNonce >> 8] |= _bit(terms.operatorNonce);
        agreement = (uint64(++context.sequence) << 32) | uint64(uint256(termsHash) >> 224);
        Agreement storage record = _agreements[agreement];
        record.hot = HotSlot.opened(terms, context.feeProvider, context.feeCustomer);
        bool begun = terms.mode != Mode.LEASE || context.opening.kind != VerificationKind.TEE;
        record.cold = ColdSlot.opened(terms, start, begun);
        TermsWords.emitOpened(
            agreement, (context.feeProvider << 16) | context.feeCustomer, begun ? start : terms.expiry, terms
        );
    }

    /// @dev Takes the pledges of the items of one operator so far, which fit when they were noted; nobody else can have
    /// pledged since, for nothing but static calls to wallets came between.
    function _takePledges(OpenContext memory context) internal {
        uint256 amount = context.pledging;
        if (amount == 0) return;
        context.pledging = 0;
        // Interaction: Staking is ours and calls nobody here.
        if (!_STAKING.tryPledge(context.operator, amount.toUint64())) {
            revert IEscrowExtension.Escrow_NotEnoughStake(context.operator, amount);
        }
    }

    function _isSpent(address signer, uint256 nonce) private view returns (bool) {
        return _nonces[signer][nonce >> 8] & _bit(nonce) != 0;
    }

    function _bit(uint256 nonce) private pure returns (uint256) {
        return 1 << (nonce & 0xff);
    }
}
