// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The four parts of an operator's stake, 64 bits of µ each: thawing | reserved | pledged | free, free lowest.
type StakeParts is uint256;

using StakePartsLib for StakeParts global;

/// @title Reading and moving the parts of a stake inside one word
/// @dev The sum of the four is at most 2^64 - 1 at any time ({plusFree} sees to it), so no part can overflow by a move, and
/// each function below says what bounds its subtraction: no borrow ever crosses into a neighbour.
library StakePartsLib {
    uint256 private constant MASK = type(uint64).max;
    uint256 private constant PLEDGED = 64;
    uint256 private constant RESERVED = 128;
    uint256 private constant THAWING = 192;

    /// @dev Thrown when the sum of the parts would leave 64 bits.
    error StakeParts_TooMuch(uint256 sum);
    /// @dev Thrown when a part holds less than shall leave it.
    error StakeParts_TooLittle(uint64 held, uint64 wanted);

    function free(StakeParts p) internal pure returns (uint64) {
        return uint64(StakeParts.unwrap(p));
    }

    function pledged(StakeParts p) internal pure returns (uint64) {
        return uint64(StakeParts.unwrap(p) >> PLEDGED);
    }

    function reserved(StakeParts p) internal pure returns (uint64) {
        return uint64(StakeParts.unwrap(p) >> RESERVED);
    }

    function thawing(StakeParts p) internal pure returns (uint64) {
        return uint64(StakeParts.unwrap(p) >> THAWING);
    }

    /// @notice More free stake.
    function plusFree(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        uint256 sum = uint256(p.free()) + p.pledged() + p.reserved() + p.thawing() + amount;
        if (sum > MASK) revert StakeParts_TooMuch(sum);
        return StakeParts.wrap(StakeParts.unwrap(p) + amount);
    }

    /// @notice Less free stake.
    function minusFree(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        if (amount > p.free()) revert StakeParts_TooLittle(p.free(), amount);
        return StakeParts.wrap(StakeParts.unwrap(p) - amount);
    }

    /// @notice Less pledged stake.
    function minusPledged(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        if (amount > p.pledged()) revert StakeParts_TooLittle(p.pledged(), amount);
        return StakeParts.wrap(StakeParts.unwrap(p) - (uint256(amount) << PLEDGED));
    }

    /// @notice Less reserved stake.
    function minusReserved(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        if (amount > p.reserved()) revert StakeParts_TooLittle(p.reserved(), amount);
        return StakeParts.wrap(StakeParts.unwrap(p) - (uint256(amount) << RESERVED));
    }

    /// @notice More reserved stake, from outside.
    function plusReserved(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return p.plusFree(amount).reserve(amount);
    }

    /// @notice Less thawing stake. It is the highest part, so checked arithmetic itself refuses too much.
    function minusThawing(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p) - (uint256(amount) << THAWING));
    }

    /// @notice From free to pledged.
    function pledge(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        if (amount > p.free()) revert StakeParts_TooLittle(p.free(), amount);
        unchecked {
            // Bounded by the free part, just seen.
            return StakeParts.wrap(StakeParts.unwrap(p) - amount + (uint256(amount) << PLEDGED));
        }
    }

    /// @notice From pledged to free.
    function release(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        if (amount > p.pledged()) revert StakeParts_TooLittle(p.pledged(), amount);
        unchecked {
            // Bounded by the pledged part, just seen.
            return StakeParts.wrap(StakeParts.unwrap(p) + amount - (uint256(amount) << PLEDGED));
        }
    }

    /// @notice From free to reserved.
    function reserve(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p.minusFree(amount)) + (uint256(amount) << RESERVED));
    }

    /// @notice From reserved to free.
    function unreserve(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p.minusReserved(amount)) + amount);
    }

    /// @notice From pledged to reserved.
    function pledgedToReserved(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p.minusPledged(amount)) + (uint256(amount) << RESERVED));
    }

    /// @notice From reserved to pledged.
    function reservedToPledged(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p.minusReserved(amount)) + (uint256(amount) << PLEDGED));
    }

    /// @notice From free to thawing.
    function thaw(StakeParts p, uint64 amount) internal pure returns (StakeParts) {
        return StakeParts.wrap(StakeParts.unwrap(p.minusFree(amount)) + (uint256(amount) << THAWING));
    }
}
