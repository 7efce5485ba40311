// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Terms} from "../types/DataTypes.sol";

/// @notice The second slot of an agreement, which a metered settlement does not touch. From the most significant bit:
/// customer 32 | funder 32 | operator 32 | start 32 | end 32 | stopAt 32 | downtime 32 | notBefore 32
type Cold is uint256;

using ColdSlot for Cold global;

/// @title Reading and writing of {Cold}
library ColdSlot {
    uint256 private constant STOP_AT = 64;

    /// @notice The slot of a newly opened agreement. `start_` is below `terms.expiry`, which has 32 bits.
    function opened(Terms memory terms, uint256 start_) internal pure returns (Cold) {
        uint256 word = uint256(terms.customer) << 224;
        word |= uint256(terms.funder) << 192;
        word |= uint256(terms.operator) << 160;
        word |= start_ << 128;
        word |= uint256(terms.expiry) << 96;
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
        return uint32(Cold.unwrap(cold) >> 128);
    }

    function end(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 96);
    }

    function stopAt(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> STOP_AT);
    }

    function downtime(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold) >> 32);
    }

    function notBefore(Cold cold) internal pure returns (uint32) {
        return uint32(Cold.unwrap(cold));
    }

    function withStopAt(Cold cold, uint32 value) internal pure returns (Cold) {
        uint256 mask = uint256(type(uint32).max) << STOP_AT;
        return Cold.wrap((Cold.unwrap(cold) & ~mask) | (uint256(value) << STOP_AT));
    }

    /// @notice When the agreement ends: where it was stopped, else at its expiry.
    function endsAt(Cold cold) internal pure returns (uint32) {
        uint32 stopped = stopAt(cold);
        return stopped != 0 ? stopped : end(cold);
    }
}
