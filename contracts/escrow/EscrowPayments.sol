// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {Cold} from "../libraries/ColdSlot.sol";
import {Fees} from "../libraries/Fees.sol";
import {Hot} from "../libraries/HotSlot.sol";
import {LeaseClock} from "../libraries/LeaseClock.sol";
import {Mode, Status} from "../types/EscrowTypes.sol";
import {SkipReason} from "../types/ReceiptTypes.sol";
import {EscrowStorage} from "./EscrowStorage.sol";

/// @title What a figure or a clock pays, and the books of it
/// @dev All amounts are differences of cumulative floors, so rounding never adds up.
abstract contract EscrowPayments is EscrowStorage {
    using SafeCast for uint256;

    /// @dev What a metered figure would pay, as it stands. CAPPED_AT_BUDGET pays, all other reasons do not.
    /// @param cap µ of gross and customer fee that may move. @param grossCap µ of gross that may move.
    function _metered(Hot hot, uint80 units, uint256 cap, uint256 grossCap)
        internal
        pure
        returns (SkipReason reason, uint256 paidNew, uint256 gross, uint256 feeProvider, uint256 feeCustomer)
    {
        paidNew = Fees.grossDown(units, hot.unitPrice());
        if (paidNew > hot.budget()) (paidNew, reason) = (hot.budget(), SkipReason.CAPPED_AT_BUDGET);
        if (paidNew <= hot.paid()) return (SkipReason.STALE, 0, 0, 0, 0);
        (gross, feeProvider, feeCustomer) = _rise(hot, paidNew);
        if (gross > grossCap) return (SkipReason.ABOVE_BATCH_CAP, 0, 0, 0, 0);
        unchecked {
            // Both are below 2^56.
            if (gross + feeCustomer <= cap) return (reason, paidNew, gross, feeProvider, feeCustomer);
        }
        return (SkipReason.ABOVE_DECLARED_VALUE, 0, 0, 0, 0);
    }

    /// @dev What the step to `paidNew`, which is above what is paid and at most the budget, moves.
    function _rise(Hot hot, uint256 paidNew)
        internal
        pure
        returns (uint256 gross, uint256 feeProvider, uint256 feeCustomer)
    {
        uint256 paidOld = hot.paid();
        unchecked {
            // paidNew > paidOld, and both are below 2^56.
            gross = paidNew - paidOld;
        }
        feeProvider = Fees.riseDown(paidOld, paidNew, hot.feeProvider());
        feeCustomer = Fees.riseDown(paidOld, paidNew, hot.feeCustomer());
    }

    /// @dev Books a step: the payee earns the net, and the fees as its reward base.
    function _book(uint64 agreement, Hot hot, uint256 paidNew, uint256 gross, uint256 feeProvider, uint256 feeCustomer)
        internal
    {
        _agreements[agreement].hot = hot.withPaid(paidNew);
        uint32 payee = hot.payee();
        unchecked {
            // The fee is at most a fifth of the gross.
            _earned[payee] = _earned[payee].plus(gross - feeProvider, feeProvider + feeCustomer);
        }
        emit IEscrow.Settled(agreement, paidNew);
    }

    /// @dev Books a step whose only bound is the budget, fees included, when there is one.
    /// @return The hot slot as it is now.
    function _payUpTo(uint64 agreement, Hot hot, uint256 paidNew) internal returns (Hot) {
        if (paidNew <= hot.paid()) return hot;
        (uint256 gross, uint256 feeProvider, uint256 feeCustomer) = _rise(hot, paidNew);
        _book(agreement, hot, paidNew, gross, feeProvider, feeCustomer);
        _accrue(feeProvider + feeCustomer);
        return hot.withPaid(paidNew);
    }

    function _accrue(uint256 fees) internal {
        if (fees != 0) _feesAccrued = (_feesAccrued + fees).toUint128();
    }

    /// @dev Sets a lease's downtime if it rises and had elapsed at `time`; says why if not. Of the figure's seconds those that a
    /// ruling took back do not count.
    function _setDowntime(uint64 agreement, Hot hot, uint80 units, uint256 time) internal returns (bool) {
        Cold cold = _agreements[agreement].cold;
        uint256 forgiven = _forgiven[agreement];
        if (units <= cold.downtime() + forgiven) return _skip(agreement, units, SkipReason.STALE);
        uint256 counted = units - forgiven;
        if (counted > LeaseClock.elapsed(hot, cold, time)) {
            return _skip(agreement, units, SkipReason.DOWNTIME_ABOVE_ELAPSED);
        }
        // What has elapsed fits into 32 bits.
        _agreements[agreement].cold = cold.withDowntime(uint32(counted));
        emit IEscrowExtension.DowntimeSet(agreement, uint32(counted));
        return true;
    }

    /// @dev No refund before `notBefore`; it only rises.
    function _delayRefund(uint64 agreement, uint40 notBefore) internal {
        Cold cold = _agreements[agreement].cold;
        if (notBefore <= cold.notBefore()) return;
        _agreements[agreement].cold = cold.withNotBefore(uint256(notBefore).toUint32());
        emit IEscrowExtension.RefundDelayed(agreement, notBefore);
    }

    /// @dev Up to when clocks of `policy` pay: now - LAG, LAG = reportTime + challengeWindow + SETTLE_GRACE.
    function _horizon(uint16 policy) internal view returns (uint256) {
        uint256 lag = _POLICY_BOOK.lagOf(policy) + _SETTLE_GRACE;
        return block.timestamp > lag ? block.timestamp - lag : 0;
    }

    /// @dev Says why a figure moves nothing.
    function _skip(uint64 agreement, uint80 units, SkipReason reason) internal returns (bool) {
        emit IEscrow.FigureSkipped(agreement, units, reason);
        return false;
    }

    /// @dev What keeps an agreement from being paid at all, first reason first; NONE when nothing does.
    function _closedOrFrozen(Hot hot) internal pure returns (SkipReason) {
        Status status = hot.status();
        if (status == Status.NONE) return SkipReason.UNKNOWN_AGREEMENT;
        if (status != Status.OPEN) return SkipReason.CLOSED;
        return hot.frozen() ? SkipReason.FROZEN : SkipReason.NONE;
    }

    /// @dev What keeps a clock from running, first reason first.
    function _clockFault(Hot hot) internal pure returns (SkipReason) {
        Status status = hot.status();
        if (status == Status.NONE) return SkipReason.UNKNOWN_AGREEMENT;
        if (status != Status.OPEN) return SkipReason.CLOSED;
        if (hot.mode() != Mode.LEASE) return SkipReason.NOT_A_LEASE;
        return hot.frozen() ? SkipReason.FROZEN : SkipReason.HELD;
    }
}
