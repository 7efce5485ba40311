// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Shares in basis points, with the direction of rounding in the name
library Fees {
    uint256 internal constant BPS = 10_000;
    /// @notice Units and lease seconds are priced per million.
    uint256 internal constant PRICE_UNIT = 1e6;

    /// @notice floor(amount * bps / 1e4): fees are cumulative, so the floor never adds up; it favours the payer.
    function shareDown(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return (amount * bps) / BPS;
    }

    /// @notice floor(after * bps / 1e4) - floor(before * bps / 1e4), for after >= before, both below 2^57, and bps < 2^12.
    function riseDown(uint256 before, uint256 after_, uint256 bps) internal pure returns (uint256) {
        if (bps == 0) return 0;
        unchecked {
            // Below 2^69, and the floor is monotonic.
            return (after_ * bps) / BPS - (before * bps) / BPS;
        }
    }

    /// @notice ceil(amount * bps / 1e4): what stands behind a promise is never less than promised.
    function shareUp(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return (amount * bps + BPS - 1) / BPS;
    }

    /// @notice µ owed for `units` in all: floor(units * unitPrice / 1e6), before the budget caps it. Favours the payer.
    /// @dev For units below 2^80 and a price below 2^56, which cannot overflow.
    function grossDown(uint256 units, uint256 unitPrice) internal pure returns (uint256) {
        unchecked {
            return (units * unitPrice) / PRICE_UNIT;
        }
    }
}
