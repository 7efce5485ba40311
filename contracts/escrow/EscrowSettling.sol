// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Figures} from "../libraries/Figures.sol";
import {Hot, HotSlot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {Mode, SettleOrder} from "../types/EscrowTypes.sol";
import {SignedFigure, SkipReason} from "../types/ReceiptTypes.sol";
import {EscrowPayments} from "./EscrowPayments.sol";

/// @title What runs once a receipt: batches, clocks, countersigned figures. Nothing here calls the currency
abstract contract EscrowSettling is IEscrow, EscrowPayments {
    // User reads

    /// @inheritdoc IEscrow
    function slotsOf(uint64[] calldata agreements) external view returns (Hot[] memory hot, Cold[] memory cold) {
        uint256 count = agreements.length;
        (hot, cold) = (new Hot[](count), new Cold[](count));
        for (uint256 i = 0; i < count; ++i) {
            Agreement storage record = _agreements[agreements[i]];
            (hot[i], cold[i]) = (record.hot, record.cold);
        }
    }

    // User writes

    /// @inheritdoc IEscrow
    function settle(SettleOrder calldata order, bytes calldata figures, uint256 skipMask)
        external
        nonReentrant
        onlyLedger
        returns (uint256 moved)
    {
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

    /// @inheritdoc IEscrow
    function settleSigned(SignedFigure[] calldata figures)
        external
        nonReentrant
        onlyLedger
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
            emit FigureSkipped(agreement, figure.units, reason);
            if (reason != SkipReason.CAPPED_AT_BUDGET) return (0, 0, 0);
        }
        _book(agreement, hot.withCountersigned(), paidNew, gross, feeProvider, feeCustomer);
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
            emit IEscrowExtension.DowntimeSet(agreement, uint32(units));
        }
        if (!pays) return _nothing(agreement, units, SkipReason.STALE);
        (uint256 gross, uint256 feeProvider, uint256 feeCustomer) = _rise(hot, paidNew);
        _book(agreement, hot.withCountersigned(), paidNew, gross, feeProvider, feeCustomer);
        return (gross, feeProvider, feeCustomer);
    }

    function _nothing(uint64 agreement, uint80 units, SkipReason reason) private returns (uint256, uint256, uint256) {
        emit FigureSkipped(agreement, units, reason);
        return (0, 0, 0);
    }
}
