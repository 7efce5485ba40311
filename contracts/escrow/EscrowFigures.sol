// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {Mode, SettleOrder, SignedFigure, SkipReason} from "../types/DataTypes.sol";
import {EscrowPayments} from "./EscrowPayments.sol";

/// @title What the ledger asks for besides batches: figures that need no window, downtime, releases, refund floors
abstract contract EscrowFigures is IEscrowExtension, EscrowPayments {
    /// @dev A release is refused when so many leaves are held already, so that challenges find room in the eight bits.
    uint8 private constant MAX_HOLDS = 200;

    modifier onlyLedger() {
        _checkLedger();
        _;
    }

    /// @inheritdoc IEscrowExtension
    function refundFloor(uint16 policy) external view returns (uint40) {
        return _refundFloors[policy];
    }

    /// @inheritdoc IEscrowExtension
    function settleSigned(SignedFigure[] calldata figures)
        external
        delegated
        onlyLedger
        nonReentrant
        returns (uint256[] memory gross, uint256[] memory feeCustomer)
    {
        // Check
        uint256 count = figures.length;
        _checkItems(count);
        // Effect
        gross = new uint256[](count);
        feeCustomer = new uint256[](count);
        uint256 feesSettled;
        for (uint256 i = 0; i < count; ++i) {
            uint256 feeProvider;
            (gross[i], feeProvider, feeCustomer[i]) = _settleSigned(figures[i]);
            feesSettled += feeProvider + feeCustomer[i];
        }
        _accrue(feesSettled);
    }

    /// @inheritdoc IEscrowExtension
    function setDowntime(uint64 agreement, uint80 units) external delegated onlyLedger nonReentrant returns (bool set) {
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
        onlyLedger
        nonReentrant
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
    function finaliseRelease(uint64 agreement, uint256 fees, bool good) external delegated onlyLedger nonReentrant {
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
    function raiseRefundFloor(uint16 policy, uint40 until) external delegated onlyLedger nonReentrant {
        if (until <= _refundFloors[policy]) return;
        _refundFloors[policy] = until;
        emit RefundFloorRaised(policy, until);
    }

    // Private

    function _settleSigned(SignedFigure calldata figure) private returns (uint256, uint256, uint256) {
        uint64 agreement = figure.agreement;
        Hot hot = _agreements[agreement].hot;
        // Check
        SkipReason reason = _closedOrFrozen(hot);
        uint256 paidNew;
        uint256 gross;
        uint256 feeProvider;
        uint256 feeCustomer;
        if (reason == SkipReason.NONE) {
            if (hot.mode() == Mode.LEASE) return _settleSignedLease(figure, hot);
            (reason, paidNew, gross, feeProvider, feeCustomer) =
                _metered(hot, figure.units, type(uint256).max, figure.cap);
            // There is no batch here: the cap is what the session key may still accept.
            if (reason == SkipReason.ABOVE_BATCH_CAP) reason = SkipReason.ABOVE_DECLARED_VALUE;
        }
        // Effect
        if (reason != SkipReason.NONE) {
            emit IEscrow.FigureSkipped(agreement, figure.units, reason);
            if (reason != SkipReason.CAPPED_AT_BUDGET) return (0, 0, 0);
        }
        _book(agreement, hot, paidNew, gross, feeProvider, feeCustomer);
        return (gross, feeProvider, feeCustomer);
    }

    /// @dev Pays a lease's clock up to `until`, less `units` seconds, and lets these count as downtime when they are more than
    /// what counts already; never fewer, so the order in which figures come does not matter.
    function _settleSignedLease(SignedFigure calldata figure, Hot hot) private returns (uint256, uint256, uint256) {
        (uint64 agreement, uint80 units) = (figure.agreement, figure.units);
        Cold cold = _agreements[agreement].cold;
        // Check
        if (figure.until > block.timestamp || figure.until > LeaseClock.endOf(hot, cold)) {
            return _nothing(agreement, units, SkipReason.AHEAD_OF_CLOCK);
        }
        uint256 elapsed = LeaseClock.elapsed(hot, cold, figure.until);
        if (units > elapsed) return _nothing(agreement, units, SkipReason.DOWNTIME_ABOVE_ELAPSED);
        uint256 paidNew = Fees.grossDown(elapsed - units, hot.unitPrice());
        bool pays = paidNew > hot.paid();
        if (pays && paidNew - hot.paid() > figure.cap) {
            return _nothing(agreement, units, SkipReason.ABOVE_DECLARED_VALUE);
        }
        // Effect
        if (units > cold.downtime()) {
            _agreements[agreement].cold = cold.withDowntime(uint32(units));
            emit DowntimeSet(agreement, uint32(units));
        }
        if (!pays) return _nothing(agreement, units, SkipReason.STALE);
        (uint256 gross, uint256 feeProvider, uint256 feeCustomer) = _rise(hot, paidNew);
        _book(agreement, hot, paidNew, gross, feeProvider, feeCustomer);
        return (gross, feeProvider, feeCustomer);
    }

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

    function _nothing(uint64 agreement, uint80 units, SkipReason reason) private returns (uint256, uint256, uint256) {
        emit IEscrow.FigureSkipped(agreement, units, reason);
        return (0, 0, 0);
    }
}
