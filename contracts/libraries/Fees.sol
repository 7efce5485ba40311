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

    /// @notice ceil(amount * bps / 1e4): what stands behind a promise is never less than promised.
    function shareUp(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return (amount * bps + BPS - 1) / BPS;
    }

    /// @notice µ owed for `units` in all: floor(units * unitPrice / 1e6), before the budget caps it. Favours the payer.
    /// @dev 80 + 56 bits: cannot overflow.
    function grossDown(uint256 units, uint256 unitPrice) internal pure returns (uint256) {
        return (units * unitPrice) / PRICE_UNIT;
    }
}
