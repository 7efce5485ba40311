// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Fees} from "../libraries/Fees.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot, HotSlot} from "../libraries/HotSlot.sol";
import {Mode, SettleOrder, SkipReason, Status} from "../types/DataTypes.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";
import {EscrowAgreements} from "./EscrowAgreements.sol";

/// @notice What the Escrow is built with; all but the fees of future openings is for ever.
/// @param authority AccessManager in front of `setFees`.
/// @param currency The stablecoin, at most 6 decimals.
/// @param ledger `ReceiptLedger`, the only one that may settle.
/// @param staking Where pledges are held.
/// @param policyBook Verification terms.
/// @param feeSplitter Where collected fees go.
/// @param postGrace Seconds after an agreement's end in which work may still be posted.
/// @param settleGrace Seconds that anything payable stays payable before a refund.
/// @param feeProvider Basis points of the first openings.
/// @param feeCustomer Basis points of the first openings.
struct EscrowParameters {
    address authority;
    address currency;
    address ledger;
    address staking;
    address policyBook;
    address feeSplitter;
    uint32 postGrace;
    uint32 settleGrace;
    uint16 feeProvider;
    uint16 feeCustomer;
}

/// @title Escrow: settlement and fees, on top of accounts and agreements
contract Escrow is EscrowAgreements, AccessManaged {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice Both sides' fees together, for ever.
    uint256 public constant MAX_FEES = 2_000;

    /// @inheritdoc IEscrow
    address public immutable LEDGER;
    /// @inheritdoc IEscrow
    address public immutable FEE_SPLITTER;

    /// @dev Written once a settlement: µ of fees ever settled, and of them sent on.
    uint128 private _feesAccrued;
    uint128 private _feesCollected;

    /// @dev Fees of future openings, basis points.
    uint16 private _feeProvider;
    uint16 private _feeCustomer;

    constructor(EscrowParameters memory p)
        EscrowAccounts(p.currency)
        EscrowAgreements(p.staking, p.policyBook, p.postGrace, p.settleGrace)
        AccessManaged(p.authority)
    {
        LEDGER = p.ledger;
        FEE_SPLITTER = p.feeSplitter;
        _setFees(p.feeProvider, p.feeCustomer);
    }

    // User reads

    /// @inheritdoc IEscrow
    function fees() external view returns (uint16 provider, uint16 customer) {
        return (_feeProvider, _feeCustomer);
    }

    /// @inheritdoc IEscrow
    function feeTotals() external view returns (uint256 accrued, uint256 collected) {
        return (_feesAccrued, _feesCollected);
    }

    // User writes

    /// @inheritdoc IEscrow
    function settle(SettleOrder calldata order, bytes calldata figures, uint256 skipMask)
        external
        nonReentrant
        returns (uint256 moved)
    {
        // Check
        if (msg.sender != LEDGER) revert Escrow_NotLedger(msg.sender);
        // Effect
        uint256 count = figures.length / Figures.SIZE;
        uint256 settleKey = HotSlot.settleable(order.policy);
        uint256 feesSettled;
        for (uint256 i = 0; i < count; ++i) {
            (uint64 agreement, uint80 units) = Figures.read(figures, i);
            if ((skipMask >> i) & 1 != 0) {
                emit FigureSkipped(agreement, units, SkipReason.VOID);
                continue;
            }
            (uint256 gross, uint256 feeProvider, uint256 feeCustomer) =
                _settleOne(settleKey, agreement, units, order.cap - moved);
            unchecked {
                // At most 256 figures, each below 2^57.
                moved += gross + feeCustomer;
                feesSettled += feeProvider + feeCustomer;
            }
        }
        if (feesSettled != 0) _feesAccrued = (_feesAccrued + feesSettled).toUint128();
    }

    /// @inheritdoc IEscrow
    function collectFees() external nonReentrant returns (uint256 amount) {
        // Check
        uint128 accrued = _feesAccrued;
        amount = accrued - _feesCollected;
        if (amount == 0) return 0;
        // Effect
        _feesCollected = accrued;
        emit FeesCollected(amount);
        // Interaction
        IERC20(CURRENCY).safeTransfer(FEE_SPLITTER, amount);
    }

    /// @inheritdoc IEscrow
    function setFees(uint16 provider, uint16 customer) external restricted nonReentrant {
        _setFees(provider, customer);
    }

    // Internal

    /// @inheritdoc EscrowAgreements
    function _currentFees() internal view override returns (uint256 provider, uint256 customer) {
        return (_feeProvider, _feeCustomer);
    }

    // Private

    /// @dev Pays one figure: what the payer owes for `units` in all, less what is paid already. Moves nothing, and says
    /// why, when it cannot. All three results are differences of cumulative floors, so rounding never adds up.
    function _settleOne(uint256 settleKey, uint64 agreement, uint80 units, uint256 cap)
        private
        returns (uint256 gross, uint256 feeProvider, uint256 feeCustomer)
    {
        Hot hot = _agreements[agreement].hot;
        // Check
        if (hot.settleKey() != settleKey) return _skip(agreement, units, _skipReason(hot, settleKey));
        uint256 paidNew = Fees.grossDown(units, hot.unitPrice());
        uint256 paidOld = hot.paid();
        bool capped = paidNew > hot.budget();
        if (capped) paidNew = hot.budget();
        if (paidNew <= paidOld) return _skip(agreement, units, SkipReason.STALE);
        unchecked {
            // paidNew > paidOld, floors are monotonic, and all are below 2^57.
            gross = paidNew - paidOld;
            feeProvider = Fees.riseDown(paidOld, paidNew, hot.feeProvider());
            feeCustomer = Fees.riseDown(paidOld, paidNew, hot.feeCustomer());
            if (gross + feeCustomer > cap) return _skip(agreement, units, SkipReason.ABOVE_DECLARED_VALUE);
        }
        // Effect
        if (capped) emit FigureSkipped(agreement, units, SkipReason.CAPPED_AT_BUDGET);
        _agreements[agreement].hot = hot.withPaid(paidNew);
        uint32 payee = hot.payee();
        unchecked {
            // The fee is at most a fifth of the gross.
            _earned[payee] = _earned[payee].plus(gross - feeProvider, feeProvider + feeCustomer);
        }
        emit Settled(agreement, paidNew);
    }

    /// @dev Says why a figure moves nothing.
    function _skip(uint64 agreement, uint80 units, SkipReason reason) private returns (uint256, uint256, uint256) {
        emit FigureSkipped(agreement, units, reason);
        return (0, 0, 0);
    }

    /// @dev What keeps an agreement from being settled under the policy in `settleKey`, first reason first.
    function _skipReason(Hot hot, uint256 settleKey) private pure returns (SkipReason) {
        Status status = hot.status();
        if (status == Status.NONE) return SkipReason.UNKNOWN_AGREEMENT;
        if (status != Status.OPEN) return SkipReason.CLOSED;
        if (HotSlot.settleable(hot.policy()) != settleKey) return SkipReason.OTHER_POLICY;
        return hot.mode() != Mode.METERED ? SkipReason.NOT_METERED : SkipReason.FROZEN;
    }

    function _setFees(uint16 provider, uint16 customer) private {
        uint256 total = uint256(provider) + customer;
        if (total > MAX_FEES) revert Escrow_FeesTooHigh(total);
        (_feeProvider, _feeCustomer) = (provider, customer);
        emit FeesSet(provider, customer);
    }
}
