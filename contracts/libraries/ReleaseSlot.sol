// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice An instant release in one slot. From the most significant bit:
/// agreement 64 | units 80 | amount 57 | fees 54 | answered 1. Zero: there is none.
type ReleasedLeaf is uint256;

using ReleaseSlot for ReleasedLeaf global;

/// @title Reading and writing of {ReleasedLeaf}
/// @dev A gross is below 2^56 and both fees together are at most a fifth of it, so amount (gross and the customer's fee) is
/// below 2^57 and the fees are below 2^54. An amount is never zero.
library ReleaseSlot {
    /// @notice No release, or one that is over.
    ReleasedLeaf internal constant NONE = ReleasedLeaf.wrap(0);

    uint256 private constant AGREEMENT = 192;
    uint256 private constant UNITS = 112;
    uint256 private constant AMOUNT = 55;
    uint256 private constant FEES = 1;
    uint256 private constant ANSWERED = 1;

    uint256 private constant MAX_AMOUNT = (1 << 57) - 1;
    uint256 private constant MAX_FEES = (1 << 54) - 1;

    /// @notice Thrown when an amount or fees have more bits than can be.
    error ReleaseSlot_TooLarge(uint256 amount, uint256 fees);

    function made(uint64 agreement_, uint80 units_, uint256 amount_, uint256 fees_)
        internal
        pure
        returns (ReleasedLeaf)
    {
        if (amount_ > MAX_AMOUNT || fees_ > MAX_FEES) {
            revert ReleaseSlot_TooLarge(amount_, fees_);
        }
        uint256 word = uint256(agreement_) << AGREEMENT;
        word |= uint256(units_) << UNITS;
        word |= amount_ << AMOUNT;
        return ReleasedLeaf.wrap(word | (fees_ << FEES));
    }

    function exists(ReleasedLeaf released) internal pure returns (bool) {
        return ReleasedLeaf.unwrap(released) != 0;
    }

    function agreement(ReleasedLeaf released) internal pure returns (uint64) {
        return uint64(ReleasedLeaf.unwrap(released) >> AGREEMENT);
    }

    function units(ReleasedLeaf released) internal pure returns (uint80) {
        return uint80(ReleasedLeaf.unwrap(released) >> UNITS);
    }

    /// @notice µ of gross and customer fee that are reserved.
    function amount(ReleasedLeaf released) internal pure returns (uint64) {
        return uint64((ReleasedLeaf.unwrap(released) >> AMOUNT) & MAX_AMOUNT);
    }

    /// @notice µ of both fees.
    function fees(ReleasedLeaf released) internal pure returns (uint56) {
        return uint56((ReleasedLeaf.unwrap(released) >> FEES) & MAX_FEES);
    }

    function answered(ReleasedLeaf released) internal pure returns (bool) {
        return ReleasedLeaf.unwrap(released) & ANSWERED != 0;
    }

    function withAnswered(ReleasedLeaf released) internal pure returns (ReleasedLeaf) {
        return ReleasedLeaf.wrap(ReleasedLeaf.unwrap(released) | ANSWERED);
    }
}
