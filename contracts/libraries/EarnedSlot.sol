// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What settlement writes of an account, in µ, cumulative: rewardBase 128 | received 128.
type Earned is uint256;

using EarnedSlot for Earned global;

/// @title Reading and writing of {Earned}
library EarnedSlot {
    /// @notice µ received, net of the provider's fee.
    function received(Earned earned) internal pure returns (uint256) {
        return uint128(Earned.unwrap(earned));
    }

    /// @notice µ of fees that the account's final work generated.
    function rewardBase(Earned earned) internal pure returns (uint256) {
        return Earned.unwrap(earned) >> 128;
    }

    /// @notice Adds both in one addition.
    function plus(Earned earned, uint256 net, uint256 fees) internal pure returns (Earned) {
        unchecked {
            // Each is below 2^57 and there are less than 2^64 agreements, each paid up to its budget once: the sums stay
            // below 2^121, so neither half overflows into the other.
            return Earned.wrap(Earned.unwrap(earned) + (fees << 128) + net);
        }
    }
}
