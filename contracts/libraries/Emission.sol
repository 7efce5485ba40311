// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What fees earn: a rate that halves, integrated
library Emission {
    /// @notice TALLY-wei that fees of numbers `start` to `start + fees - 1` earn: number F earns floor(first / 2^floor(F / halving)).
    /// Adding up is exact, so how fees are cut into calls changes nothing.
    /// @dev At most fees / halving + 2 turns, for `halving` above zero.
    function amountOf(uint256 first, uint256 halving, uint256 start, uint256 fees)
        internal
        pure
        returns (uint256 amount)
    {
        while (fees != 0) {
            uint256 rate = rateDown(first, halving, start);
            if (rate == 0) return amount;
            uint256 room = halving - start % halving;
            uint256 part = fees < room ? fees : room;
            amount += part * rate;
            (start, fees) = (start + part, fees - part);
        }
    }

    /// @notice TALLY-wei that the µ of number `start` earns, rounded down.
    function rateDown(uint256 first, uint256 halving, uint256 start) internal pure returns (uint256) {
        return first >> (start / halving);
    }
}
