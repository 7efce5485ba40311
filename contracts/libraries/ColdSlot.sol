// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Terms} from "../types/EscrowTypes.sol";

/// @notice The second slot of an agreement, which a metered settlement does not touch. From the most significant bit:
/// customer 32 | funder 32 | operator 32 | start 32 | end 32 | stopAt 32 | downtime 32 | notBefore 32
type Cold is uint256;

using ColdSlot for Cold global;

/// @title Reading and writing of {Cold}
/// @dev A lease under a TEE policy has not begun while its start is its end, which no other agreement has: no second of it
/// can be payable. Until then the field of the downtime, which is zero, holds the earliest start that the parties signed.
library ColdSlot {
    uint256 private constant START = 128;
    uint256 private constant STOP_AT = 64;
    uint256 private constant DOWNTIME = 32;

    /// @notice The slot of a newly opened agreement. `start_` is below `terms.expiry`, which has 32 bits.
    /// @param begun False for a lease that waits for {begin}.
    function opened(Terms memory terms, uint256 start_, bool begun) internal pure returns (Cold) {
        uint256 word = uint256(terms.customer) << 224;
        word |= uint256(terms.funder) << 192;
        word |= uint256(terms.operator) << 160;
        word |= uint256(terms.expiry) << 96;
        if (begun) word |= start_ << START;
        else word |= (uint256(terms.expiry) << START) | (start_ << DOWNTIME);
        return Cold.wrap(word);
    }

    function customer(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 224);
    }

    function funder(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 192);
    }

    function operator(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 160);
    }

    function start(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> START);
    }

    function end(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 96);
    }

    function stopAt(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> STOP_AT);
    }

    /// @notice Seconds not served; 0 of what has not begun.
    function downtime(Cold cold) internal pure returns (uint32) {
        return cold.unbegun() ? 0 : uint32(Cold.unwrap(cold) >> DOWNTIME);
    }

    function notBefore(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold));
    }

    /// @notice Whether this is a lease under a TEE policy that has not begun.
    function unbegun(Cold cold) internal pure returns (bool) {
        return cold.start() == cold.end();
    }

    /// @notice When a lease that has not begun may begin at the earliest.
    function earliest(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> DOWNTIME);
    }

    function withStopAt(Cold cold, uint32 value) internal pure returns (Cold) {
        return _with(cold, STOP_AT, value);
    }

    function withDowntime(Cold cold, uint32 value) internal pure returns (Cold) {
        return _with(cold, DOWNTIME, value);
    }

    function withNotBefore(Cold cold, uint32 value) internal pure returns (Cold) {
        return _with(cold, 0, value);
    }

    /// @notice A lease that begins at `start_`, below its end, with no downtime.
    function begunAt(Cold cold, uint32 start_) internal pure returns (Cold) {
        return _with(_with(cold, START, start_), DOWNTIME, 0);
    }

    /// @notice When the agreement ends, a lease's money aside: where it was stopped, else at its expiry.
    function endsAt(Cold cold) internal pure returns (uint32) {
        uint32 stopped = stopAt(cold);
        return stopped != 0 ? stopped : end(cold);
    }

    function _with(Cold cold, uint256 shift, uint32 value) private pure returns (Cold) {
        uint256 mask = uint256(type(uint32).max) << shift;
        return Cold.wrap((Cold.unwrap(cold) & ~mask) | (uint256(value) << shift));
    }
}
