// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {Mode, SettleOrder} from "../types/EscrowTypes.sol";
import {SkipReason} from "../types/ReceiptTypes.sol";
import {EscrowPayments} from "./EscrowPayments.sol";

/// @title What the ledger asks for besides batches: downtime, releases, refund floors
abstract contract EscrowFigures is IEscrowExtension, EscrowPayments {
    /// @dev A release is refused when so many leaves are held already, so that challenges find room in the eight bits.
    uint8 private constant MAX_HOLDS = 200;

    /// @inheritdoc IEscrowExtension
    function refundFloor(uint16 policy) external view returns (uint40) {
        return _refundFloors[policy];
    }

    /// @inheritdoc IEscrowExtension
    function setDowntime(uint64 agreement, uint80 units) external delegated nonReentrant onlyLedger returns (bool set) {
        Hot hot = _agreements[agreement].hot;
        // Check
        SkipReason reason = _closedOrFrozen(hot);
        if (reason == SkipReason.NONE && hot.mode() != Mode.LEASE) reason = SkipReason.NOT_A_LEASE;
        if (reason != SkipReason.NONE) return _skip(agreement, units, reason);
        // Effect
        return _setDowntime(agreement, hot, units, block.timestamp);
    }

    /// @inheritdoc IEscrowExtension
    function settleRelease(SettleOrder calldata order, uint64 agreement, uint80 units)
        external
        delegated
        nonReentrant
        onlyLedger
        returns (uint256 gross, uint256 feeCustomer, uint256 fees)
    {
        Hot hot = _agreements[agreement].hot;
        // Check
        SkipReason reason = _closedOrFrozen(hot);
        if (reason == SkipReason.NONE || reason == SkipReason.FROZEN) {
            if (hot.policy() != order.policy) reason = SkipReason.OTHER_POLICY;
            else if (hot.mode() != Mode.METERED) reason = SkipReason.NOT_METERED;
            else if (reason == SkipReason.NONE && hot.holds() >= MAX_HOLDS) reason = SkipReason.NOT_RELEASABLE;
        }
        if (reason == SkipReason.NONE) return _release(agreement, hot, units, order);
        _skip(agreement, units, reason);
    }

    /// @inheritdoc IEscrowExtension
    function hold(uint64 agreement) external delegated nonReentrant onlyLedger {
        // Check
        Hot hot = _openHot(agreement, _agreements[agreement]);
        uint8 holds = hot.holds();
        if (holds == type(uint8).max) revert Escrow_TooManyHolds(agreement);
        // Effect
        _agreements[agreement].hot = hot.withHolds(holds + 1);
    }

    /// @inheritdoc IEscrowExtension
    function unhold(uint64 agreement, uint40 notBefore) external delegated nonReentrant onlyLedger {
        Hot hot = _agreements[agreement].hot;
        // Check
        uint8 holds = hot.holds();
        if (holds == 0) revert Escrow_NotHeld(agreement);
        // Effect: the number alone changes, so that a closed agreement lets go too.
        _agreements[agreement].hot = hot.withHolds(holds - 1);
        _delayRefund(agreement, notBefore);
    }

    /// @inheritdoc IEscrowExtension
    function finaliseRelease(uint64 agreement, uint256 fees, bool good) external delegated nonReentrant onlyLedger {
        Hot hot = _agreements[agreement].hot;
        // Check
        uint8 holds = hot.holds();
        if (holds == 0) revert Escrow_NotHeld(agreement);
        // Effect: the number alone changes, so that a closed agreement lets go too.
        _agreements[agreement].hot = hot.withHolds(holds - 1);
        if (good && fees != 0) _earned[hot.payee()] = _earned[hot.payee()].plus(0, fees);
        emit ReleaseFinalised(agreement, fees, good);
    }

    /// @inheritdoc IEscrowExtension
    function raiseRefundFloor(uint16 policy, uint40 until) external delegated nonReentrant onlyLedger {
        if (until <= _refundFloors[policy]) return;
        _refundFloors[policy] = until;
        emit RefundFloorRaised(policy, until);
    }

    // Private

    /// @dev Pays a metered figure without its reward base, and holds the agreement until the release is final.
    function _release(uint64 agreement, Hot hot, uint80 units, SettleOrder calldata order)
        private
        returns (uint256, uint256, uint256)
    {
        // Check
        (SkipReason reason, uint256 paidNew, uint256 gross, uint256 feeProvider, uint256 feeCustomer) =
            _metered(hot, units, order.cap, order.grossCap == 0 ? type(uint256).max : order.grossCap);
        // Effect
        if (reason != SkipReason.NONE) {
            emit IEscrow.FigureSkipped(agreement, units, reason);
            if (reason != SkipReason.CAPPED_AT_BUDGET) return (0, 0, 0);
        }
        _agreements[agreement].hot = hot.withPaid(paidNew).withHolds(hot.holds() + 1);
        uint32 payee = hot.payee();
        _earned[payee] = _earned[payee].plus(gross - feeProvider, 0);
        uint256 fees = feeProvider + feeCustomer;
        _accrue(fees);
        emit SettledByRelease(agreement, paidNew);
        return (gross, feeCustomer, fees);
    }
}
