// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Mode} from "../types/EscrowTypes.sol";
import {Cold} from "./ColdSlot.sol";
import {Fees} from "./Fees.sol";
import {Hot} from "./HotSlot.sol";

/// @title When agreements end, and what a lease's clock has made payable
library LeaseClock {
    /// @notice Second at which a lease's money runs out: start + floor(budget * 1e6 / unitPrice). It may lie far beyond 32
    /// bits. Downtime does not move it: it lowers the bill and never lengthens the lease.
    function fundedUntil(Hot hot, Cold cold) internal pure returns (uint256) {
        unchecked {
            // 32 bits and 76. No price is zero, but that of a number never opened, of which nobody asks this.
            return cold.start() + (hot.budget() * Fees.PRICE_UNIT) / hot.unitPrice();
        }
    }

    /// @notice When an agreement ends as things stand: METERED min(expiry, stop), LEASE min(expiry, fundedUntil, stop).
    function endOf(Hot hot, Cold cold) internal pure returns (uint256 end) {
        end = cold.endsAt();
        if (hot.mode() == Mode.LEASE) {
            uint256 funded = fundedUntil(hot, cold);
            if (funded < end) end = funded;
        }
    }

    /// @notice Whether it is the money that ends a lease.
    function exhausted(Hot hot, Cold cold) internal pure returns (bool) {
        return hot.mode() == Mode.LEASE && fundedUntil(hot, cold) < cold.endsAt();
    }

    /// @notice Seconds of a lease between its start and `time`, or its end if that is earlier; 0 before the start.
    function elapsed(Hot hot, Cold cold, uint256 time) internal pure returns (uint256) {
        uint256 end = endOf(hot, cold);
        if (time > end) time = end;
        uint256 start = cold.start();
        unchecked {
            return time > start ? time - start : 0;
        }
    }

    /// @notice µ of gross that a lease owes for its seconds before `time`, less the downtime that counts. Rounded down; at most
    /// the budget, since no second is later than `fundedUntil`.
    function owed(Hot hot, Cold cold, uint256 time) internal pure returns (uint256) {
        uint256 served = elapsed(hot, cold, time);
        uint256 downtime = cold.downtime();
        unchecked {
            return served > downtime ? Fees.grossDown(served - downtime, hot.unitPrice()) : 0;
        }
    }
}
