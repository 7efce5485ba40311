// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot, HotSlot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {CloseReason, SettleOrder, SkipReason} from "../types/DataTypes.sol";
import {EscrowAccounts} from "./EscrowAccounts.sol";
import {EscrowReplacing} from "./EscrowReplacing.sol";
import {EscrowParameters, EscrowStorage} from "./EscrowStorage.sol";

/// @title Escrow: what runs often. The rest is answered by its extension, at this address
contract Escrow is EscrowAccounts, EscrowReplacing, EIP712 {
    using SafeCast for uint256;

    constructor(EscrowParameters memory p) EscrowStorage(p) EIP712("Tallystick Escrow", "1") {
        // Check: signatures and the extension name this address.
        _checkHere();
        _setFees(p.feeProvider, p.feeCustomer);
    }

    /// @dev What this contract does not know, its extension may: on this storage, with this caller.
    fallback() external {
        address extension = _EXTENSION;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := delegatecall(gas(), extension, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            switch ok
            case 0 { revert(data, returndatasize()) }
            default { return(data, returndatasize()) }
        }
    }

    // User reads

    /// @inheritdoc IEscrow
    function EXTENSION() external view returns (address) {
        return _EXTENSION;
    }

    /// @inheritdoc IEscrow
    function CURRENCY() external view returns (address) {
        return _CURRENCY;
    }

    /// @inheritdoc IEscrow
    function LEDGER() external view returns (address) {
        return _LEDGER;
    }

    /// @inheritdoc IEscrow
    function FEE_SPLITTER() external view returns (address) {
        return _FEE_SPLITTER;
    }

    /// @inheritdoc IEscrow
    function POST_GRACE() external view returns (uint32) {
        return _POST_GRACE;
    }

    /// @inheritdoc IEscrow
    function SETTLE_GRACE() external view returns (uint32) {
        return _SETTLE_GRACE;
    }

    /// @inheritdoc IEscrow
    function fees() external view returns (uint16 provider, uint16 customer) {
        return (_feeProvider, _feeCustomer);
    }

    /// @inheritdoc IEscrow
    function feeTotals() external view returns (uint256 accrued, uint256 collected) {
        return (_feesAccrued, _feesCollected);
    }

    /// @inheritdoc IEscrow
    function agreementCount() external view returns (uint32) {
        return _sequence;
    }

    /// @inheritdoc IEscrow
    function refundableAt(uint64 agreement) external view returns (uint256) {
        Agreement storage record = _agreements[agreement];
        return _refundableAt(_openHot(agreement, record), record.cold);
    }

    // User writes: agreements

    /// @inheritdoc IEscrow
    function close(uint64 agreement) external nonReentrant {
        Agreement storage record = _agreements[agreement];
        // Check
        Hot hot = _openHot(agreement, record);
        Cold cold = record.cold;
        bool byProvider = msg.sender == _STAKING.ownerOf(cold.operator());
        uint256 stopAt = block.timestamp;
        if (!byProvider) {
            if (msg.sender != _owned[cold.customer()].owner) revert Escrow_NotParty(agreement, msg.sender);
            stopAt += _POLICY_BOOK.windows(hot.policy()).notice;
        }
        if (stopAt < cold.start() && !cold.unbegun()) stopAt = cold.start();
        uint256 endsAt = LeaseClock.endOf(hot, cold);
        if (stopAt >= endsAt) revert Escrow_AlreadyEnding(agreement, endsAt.toUint32());
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
        uint256 due = _refundableAt(hot, cold);
        if (block.timestamp < due) revert Escrow_NotRefundableYet(agreement, due);
        // Effect, then interaction
        _refund(agreement, hot, cold);
    }

    // User writes: payments. None of them calls the currency.

    /// @inheritdoc IEscrow
    function settle(SettleOrder calldata order, bytes calldata figures, uint256 skipMask)
        external
        nonReentrant
        returns (uint256 moved)
    {
        // Check
        _checkLedger();
        // Effect
        uint256 count = figures.length / Figures.SIZE;
        uint256 settleKey = HotSlot.settleable(order.policy);
        uint256 grossCap = order.grossCap == 0 ? type(uint256).max : order.grossCap;
        uint256 left = order.cap;
        uint256 feesSettled;
        for (uint256 i = 0; i < count; ++i) {
            (uint64 agreement, uint80 units) = Figures.read(figures, i);
            if ((skipMask >> i) & 1 != 0) {
                emit FigureSkipped(agreement, units, SkipReason.VOID);
                continue;
            }
            Hot hot = _agreements[agreement].hot;
            if (hot.settleKey() != settleKey) {
                _settleOther(agreement, hot, units, order);
                continue;
            }
            (uint256 gross, uint256 feeProvider, uint256 feeCustomer) =
                _settleMetered(agreement, hot, units, left, grossCap);
            unchecked {
                // At most 256 figures, each below 2^57 and no more than is left.
                moved += gross + feeCustomer;
                left -= gross + feeCustomer;
                feesSettled += feeProvider + feeCustomer;
            }
        }
        _accrue(feesSettled);
    }

    /// @inheritdoc IEscrow
    function poke(uint64[] calldata agreements) external nonReentrant returns (uint256 moved) {
        // Check
        _checkItems(agreements.length);
        // Effect
        uint16 policy;
        uint256 horizon;
        uint256 feesSettled;
        for (uint256 i = 0; i < agreements.length; ++i) {
            uint64 agreement = agreements[i];
            Hot hot = _agreements[agreement].hot;
            if (!hot.clockRuns()) {
                emit FigureSkipped(agreement, 0, _clockFault(hot));
                continue;
            }
            // There is no policy 0.
            if (hot.policy() != policy) {
                policy = hot.policy();
                horizon = _horizon(policy);
            }
            uint256 paidNew = LeaseClock.owed(hot, _agreements[agreement].cold, horizon);
            if (paidNew <= hot.paid()) {
                emit FigureSkipped(agreement, 0, SkipReason.STALE);
                continue;
            }
            (uint256 gross, uint256 feeProvider, uint256 feeCustomer) = _rise(hot, paidNew);
            _book(agreement, hot, paidNew, gross, feeProvider, feeCustomer);
            unchecked {
                // At most 256 items, each below 2^57.
                moved += gross + feeCustomer;
                feesSettled += feeProvider + feeCustomer;
            }
        }
        _accrue(feesSettled);
    }

    // Internal

    /// @inheritdoc EscrowStorage
    function _digest(bytes32 structHash) internal view override returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    // Private

    /// @dev Pays one metered figure: what the payer owes for `units` in all, less what is paid already. Moves nothing, and
    /// says why, when it cannot.
    function _settleMetered(uint64 agreement, Hot hot, uint80 units, uint256 cap, uint256 grossCap)
        private
        returns (uint256, uint256, uint256)
    {
        // Check
        (SkipReason reason, uint256 paidNew, uint256 gross, uint256 feeProvider, uint256 feeCustomer) =
            _metered(hot, units, cap, grossCap);
        // Effect
        if (reason != SkipReason.NONE) {
            emit FigureSkipped(agreement, units, reason);
            if (reason != SkipReason.CAPPED_AT_BUDGET) return (0, 0, 0);
        }
        _book(agreement, hot, paidNew, gross, feeProvider, feeCustomer);
        return (gross, feeProvider, feeCustomer);
    }

    /// @dev A figure of a batch that pays nothing: a lease's downtime, or one that cannot count.
    function _settleOther(uint64 agreement, Hot hot, uint80 units, SettleOrder calldata order) private {
        if (hot.settleKey() == HotSlot.downtimeSettable(order.policy)) {
            _setDowntime(agreement, hot, units, order.postedAt);
            return;
        }
        SkipReason reason = _closedOrFrozen(hot);
        // A frozen one of another policy is first of all of another policy.
        if ((reason == SkipReason.NONE || reason == SkipReason.FROZEN) && hot.policy() != order.policy) {
            reason = SkipReason.OTHER_POLICY;
        }
        emit FigureSkipped(agreement, units, reason);
    }
}
