// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IPolicyBook} from "../interfaces/IPolicyBook.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Cold, ColdSlot} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot, HotSlot} from "../libraries/HotSlot.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {
    AgreementView,
    CloseReason,
    OpenRefusal,
    OpeningTerms,
    Status,
    Terms,
    TermsSignatures
} from "../types/DataTypes.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";

/// @title Agreements from the signed offer to the refund
abstract contract EscrowAgreements is EscrowAccounts, EIP712 {
    using SafeCast for uint256;

    struct Agreement {
        Hot hot;
        Cold cold;
    }

    /// @dev What `open` reads once for a run of items.
    struct OpenContext {
        uint256 feeProvider;
        uint256 feeCustomer;
        uint32 sequence;
        uint16 policy;
        OpeningTerms opening;
    }

    /// @notice Longest time from an agreement's start to its expiry, and from its opening to its start.
    uint256 internal constant MAX_TERM = 400 days;
    /// @notice Most items of one `open`.
    uint256 internal constant MAX_ITEMS = 256;
    /// @dev Fixed gas of the pledge's release on an exit: about 12 times what it takes.
    uint256 private constant RELEASE_GAS = 150_000;

    /// @inheritdoc IEscrow
    uint32 public immutable POST_GRACE;
    /// @inheritdoc IEscrow
    uint32 public immutable SETTLE_GRACE;
    IStaking internal immutable STAKING;
    IPolicyBook internal immutable POLICY_BOOK;

    mapping(uint64 agreement => Agreement) internal _agreements;
    mapping(address signer => mapping(uint256 word => uint256)) private _nonces;

    constructor(address staking, address policyBook, uint32 postGrace, uint32 settleGrace)
        EIP712("Tallystick Escrow", "1")
    {
        STAKING = IStaking(staking);
        POLICY_BOOK = IPolicyBook(policyBook);
        POST_GRACE = postGrace;
        SETTLE_GRACE = settleGrace;
    }

    // User reads

    /// @inheritdoc IEscrow
    function agreementCount() external view returns (uint32) {
        return _sequence;
    }

    /// @inheritdoc IEscrow
    function agreementOf(uint64 agreement) external view returns (AgreementView memory) {
        Hot hot = _agreements[agreement].hot;
        Cold cold = _agreements[agreement].cold;
        return AgreementView({
            paid: uint56(hot.paid()),
            budget: uint56(hot.budget()),
            unitPrice: uint56(hot.unitPrice()),
            payee: hot.payee(),
            policy: hot.policy(),
            feeProvider: uint16(hot.feeProvider()),
            feeCustomer: uint16(hot.feeCustomer()),
            status: hot.status(),
            mode: hot.mode(),
            frozen: hot.frozen(),
            sponsored: hot.sponsored(),
            holds: hot.holds(),
            pledgeStuck: hot.pledgeStuck(),
            customer: cold.customer(),
            funder: cold.funder(),
            operator: cold.operator(),
            start: cold.start(),
            end: cold.end(),
            stopAt: cold.stopAt(),
            downtime: cold.downtime(),
            notBefore: cold.notBefore()
        });
    }

    /// @inheritdoc IEscrow
    function refundableAt(uint64 agreement) external view returns (uint256) {
        Agreement storage record = _agreements[agreement];
        Hot hot = _openHot(agreement, record);
        return _refundableAt(hot.policy(), record.cold);
    }

    /// @inheritdoc IEscrow
    function nonceSpent(address signer, uint256 nonce) external view returns (bool) {
        return _isSpent(signer, nonce);
    }

    /// @inheritdoc IEscrow
    function hashTerms(Terms calldata terms) external pure returns (bytes32) {
        return TermsWords.hash(terms);
    }

    // User writes

    /// @inheritdoc IEscrow
    function open(Terms[] calldata terms, TermsSignatures[] calldata signatures)
        external
        nonReentrant
        returns (uint64[] memory agreements)
    {
        // Check
        uint256 items = terms.length;
        if (items != signatures.length) revert Escrow_LengthMismatch();
        if (items > MAX_ITEMS) revert Escrow_TooManyItems(items);
        agreements = new uint64[](items);
        OpenContext memory context;
        (context.feeProvider, context.feeCustomer) = _currentFees();
        context.sequence = _sequence;
        for (uint256 i = 0; i < items; ++i) {
            Terms memory item = terms[i];
            bytes32 termsHash = TermsWords.hash(item);
            (OpenRefusal refusal, uint64 agreement) = _openOne(item, signatures[i], termsHash, context);
            if (refusal == OpenRefusal.NONE) agreements[i] = agreement;
            else emit OpenRefused(i, termsHash, refusal);
        }
        // Effect
        _sequence = context.sequence;
    }

    /// @inheritdoc IEscrow
    function cancelNonces(uint256 word, uint256 mask) external nonReentrant {
        _nonces[msg.sender][word] |= mask;
        emit NoncesSpent(msg.sender, word, mask);
    }

    /// @inheritdoc IEscrow
    function close(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        bool byProvider = msg.sender == STAKING.ownerOf(cold.operator());
        uint256 stopAt = block.timestamp;
        if (!byProvider) {
            if (msg.sender != _owned[cold.customer()].owner) revert Escrow_NotParty(agreement, msg.sender);
            stopAt += POLICY_BOOK.windows(hot.policy()).notice;
        }
        if (stopAt < cold.start()) stopAt = cold.start();
        uint32 endsAt = cold.endsAt();
        if (stopAt >= endsAt) revert Escrow_AlreadyEnding(agreement, endsAt);
        // Effect
        record.cold = cold.withStopAt(stopAt.toUint32());
        record.hot = hot.withStoppedByProvider(byProvider);
        emit CloseRequested(
            agreement, stopAt.toUint32(), byProvider ? CloseReason.CLOSED_BY_PROVIDER : CloseReason.CLOSED_BY_CUSTOMER
        );
    }

    /// @inheritdoc IEscrow
    function refund(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        if (hot.frozen() || hot.holds() != 0) revert Escrow_Held(agreement);
        uint256 due = _refundableAt(hot.policy(), cold);
        if (block.timestamp < due) revert Escrow_NotRefundableYet(agreement, due);
        // Effect
        hot = hot.withStatus(Status.CLOSED);
        record.hot = hot;
        uint256 refunded = _unlock(agreement, hot, cold);
        emit Closed(agreement, hot.paid(), refunded, _closeReason(hot, cold));
        // Interaction
        _releasePledge(agreement, record, hot, cold.operator());
    }

    /// @inheritdoc IEscrow
    function retryRelease(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = record.hot;
        if (!hot.pledgeStuck()) revert Escrow_PledgeNotStuck(agreement);
        // Effect
        record.hot = hot.withPledgeStuck(false);
        uint64 amount = _pledgeOf(hot);
        emit PledgeReleased(agreement, amount);
        // Interaction
        STAKING.release(record.cold.operator(), amount);
    }

    // Internal

    /// @inheritdoc EscrowAccounts
    function _checkPolicy(uint16 policy) internal view override {
        if (POLICY_BOOK.windows(policy).challenge == 0) revert Escrow_UnknownPolicy(policy);
    }

    /// @dev Fees of openings now, in basis points.
    function _currentFees() internal view virtual returns (uint256 provider, uint256 customer);

    function _openHot(uint64 agreement, Agreement storage record) internal view returns (Hot hot) {
        hot = record.hot;
        if (hot.status() != Status.OPEN) revert Escrow_NotOpen(agreement);
    }

    // Private

    /// @dev Checks one item, in the order of {OpenRefusal}, and opens it. Changes nothing when it refuses.
    function _openOne(
        Terms memory terms,
        TermsSignatures calldata signatures,
        bytes32 termsHash,
        OpenContext memory context
    ) private returns (OpenRefusal, uint64) {
        // Check: terms
        if (block.timestamp > terms.deadline) return (OpenRefusal.DEADLINE_PASSED, 0);
        if (terms.unitPrice == 0) return (OpenRefusal.PRICE_IS_ZERO, 0);
        if (terms.budget == 0 || terms.budget > terms.maxBudget) return (OpenRefusal.BUDGET_OUT_OF_RANGE, 0);
        uint256 start = terms.start > block.timestamp ? terms.start : block.timestamp;
        if (start > block.timestamp + MAX_TERM || terms.expiry <= start || terms.expiry > start + MAX_TERM) {
            return (OpenRefusal.TIMES_OUT_OF_RANGE, 0);
        }
        if (terms.policy != context.policy) {
            context.opening = POLICY_BOOK.openingTerms(terms.policy);
            context.policy = terms.policy;
        }
        if (!context.opening.openable) return (OpenRefusal.POLICY_NOT_OPEN, 0);
        if (context.feeProvider > terms.maxFeeProvider || context.feeCustomer > terms.maxFeeCustomer) {
            return (OpenRefusal.FEE_ABOVE_MAXIMUM, 0);
        }
        // Check: parties, then money
        (OpenRefusal refusal, address customer, address operator) = _checkParties(terms, signatures, termsHash);
        if (refusal != OpenRefusal.NONE) return (refusal, 0);
        refusal = _lock(terms, context);
        if (refusal != OpenRefusal.NONE) return (refusal, 0);

        // Effect
        _spendNonce(customer, terms.customerNonce);
        _spendNonce(operator, terms.operatorNonce);
        uint64 agreement = (uint64(++context.sequence) << 32) | uint64(uint256(termsHash) >> 224);
        Agreement storage record = _agreements[agreement];
        record.hot = HotSlot.opened(terms, context.feeProvider, context.feeCustomer);
        record.cold = ColdSlot.opened(terms, start);
        TermsWords.emitOpened(agreement, (context.feeProvider << 16) | context.feeCustomer, start, terms);
        return (OpenRefusal.NONE, agreement);
    }

    /// @dev Accounts, operator, nonces and both signatures.
    function _checkParties(Terms memory terms, TermsSignatures calldata signatures, bytes32 termsHash)
        private
        view
        returns (OpenRefusal, address customer, address operator)
    {
        customer = _owned[terms.customer].owner;
        if (
            customer == address(0) || _owned[terms.payee].owner == address(0)
                || (terms.funder != terms.customer && _owned[terms.funder].owner == address(0))
        ) return (OpenRefusal.UNKNOWN_ACCOUNT, customer, operator);
        operator = STAKING.ownerOf(terms.operator);
        if (operator == address(0)) return (OpenRefusal.UNKNOWN_OPERATOR, customer, operator);
        // One person on both sides has one nonce space, so two different nonces are needed.
        if (
            _isSpent(customer, terms.customerNonce) || _isSpent(operator, terms.operatorNonce)
                || (customer == operator && terms.customerNonce == terms.operatorNonce)
        ) return (OpenRefusal.NONCE_SPENT, customer, operator);
        bytes32 digest = _hashTypedDataV4(termsHash);
        if (msg.sender != customer && !Signatures.isBy(customer, digest, signatures.customer)) {
            return (OpenRefusal.BAD_CUSTOMER_SIGNATURE, customer, operator);
        }
        if (msg.sender != operator && !Signatures.isBy(operator, digest, signatures.operator)) {
            return (OpenRefusal.BAD_OPERATOR_SIGNATURE, customer, operator);
        }
        return (OpenRefusal.NONE, customer, operator);
    }

    /// @dev Locks the funder's money and pledges the operator's stake, or changes nothing.
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
        // Interaction: Staking is ours, calls nobody here, and changes nothing when it says no.
        if (!STAKING.tryPledge(terms.operator, Fees.shareUp(terms.budget, context.opening.coverageBps).toUint64())) {
            return OpenRefusal.NOT_ENOUGH_STAKE;
        }
        // Effect
        _balances[terms.funder] = Balance({free: (free - amount).toUint128(), locked: (locked + amount).toUint128()});
        if (sponsored) _allowances[terms.funder][terms.customer][terms.policy].amount -= amount.toUint128();
        return OpenRefusal.NONE;
    }

    /// @dev Moves what was not spent from locked back to free, and restores a sponsor's allowance unless it was revoked
    /// after the opening.
    function _unlock(uint64 agreement, Hot hot, Cold cold) private returns (uint256 refunded) {
        uint256 budget = hot.budget();
        uint256 lockedIn = budget + Fees.shareDown(budget, hot.feeCustomer());
        uint256 paid = hot.paid();
        refunded = lockedIn - paid - Fees.shareDown(paid, hot.feeCustomer());
        Balance storage balance = _balances[cold.funder()];
        (uint256 free, uint256 locked) = (balance.free, balance.locked);
        _balances[cold.funder()] =
            Balance({free: (free + refunded).toUint128(), locked: (locked - lockedIn).toUint128()});
        if (hot.sponsored()) {
            Allowance storage allowance = _allowances[cold.funder()][cold.customer()][hot.policy()];
            if (agreement >> 32 > allowance.revokedSequence) {
                // An allowance that somebody set near the type's maximum must not block a refund.
                uint256 restored = allowance.amount + refunded;
                allowance.amount = restored > type(uint128).max ? type(uint128).max : uint128(restored);
            }
        }
    }

    /// @dev Fixed gas, no returned bytes copied, and a failure only leaves a mark: no exit can be blocked by Staking.
    function _releasePledge(uint64 agreement, Agreement storage record, Hot hot, uint32 operator) private {
        uint64 amount = _pledgeOf(hot);
        if (amount == 0) return;
        bytes memory data = abi.encodeCall(IStaking.release, (operator, amount));
        address staking = address(STAKING);
        uint256 gasLimit = RELEASE_GAS;
        bool ok;
        assembly ("memory-safe") {
            ok := call(gasLimit, staking, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (ok) return;
        record.hot = hot.withPledgeStuck(true);
        emit PledgeStuck(agreement);
    }

    /// @dev ceil(budget * coverage): the same figure at opening and release, since policies never change.
    function _pledgeOf(Hot hot) private view returns (uint64) {
        return Fees.shareUp(hot.budget(), POLICY_BOOK.coverageOf(hot.policy())).toUint64();
    }

    function _refundableAt(uint16 policy, Cold cold) private view returns (uint256 due) {
        due = uint256(cold.endsAt()) + POST_GRACE + POLICY_BOOK.windows(policy).longest + SETTLE_GRACE;
        if (due < cold.notBefore()) due = cold.notBefore();
    }

    function _closeReason(Hot hot, Cold cold) private pure returns (CloseReason) {
        if (cold.stopAt() == 0) return CloseReason.EXPIRED;
        return hot.stoppedByProvider() ? CloseReason.CLOSED_BY_PROVIDER : CloseReason.CLOSED_BY_CUSTOMER;
    }

    function _isSpent(address signer, uint256 nonce) private view returns (bool) {
        return _nonces[signer][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    function _spendNonce(address signer, uint256 nonce) private {
        _nonces[signer][nonce >> 8] |= 1 << (nonce & 0xff);
    }
}
