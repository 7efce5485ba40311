// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDividendVault} from "../interfaces/IDividendVault.sol";

/// @title The stream of {DividendVault}: weeks of fees into one accumulator
/// @dev Why nothing overflows: fees ever received F < 2^64 µ, and whoever stakes holds at least 1e18, so the accumulator
/// is at most F * 1e36 / 1e18 < 2^124; stakes are below 2^96. Every product stays under 2^224, so plain 256-bit
/// arithmetic is exact and no 512-bit multiplication is needed. Carried are less than F a week, below 2^77 until 2106.
///
/// The stream is a function of time and of what the last write left, and gives the same whether it is advanced in one
/// step or in many (cumulative floors, a carried remainder). So only what changes the stakes or the fees advances it.
abstract contract DividendStream is IDividendVault {
    struct Stream {
        // slot 0
        uint128 acc; // 1e-36 µ per TALLY-wei, cumulative
        uint96 staked; // TALLY-wei, of all
        uint32 updatedAt;
        // slot 1
        uint64 thisWeek; // µ that stream over the week of updatedAt
        uint64 nextWeek; // µ that stream over the week after it
        uint64 received; // µ of fees, ever
        uint64 claimed; // µ, ever
        // slot 2
        uint96 remainder; // 1e-36 µ that the accumulator's division left over
        uint128 carried; // µ that streamed with nobody staked, ever
    }

    uint256 internal constant WEEK = 604_800;
    uint256 internal constant SCALE = 1e36;

    Stream internal _stream;

    constructor() {
        _stream.updatedAt = SafeCast.toUint32(block.timestamp);
    }

    // Reads

    /// @inheritdoc IDividendVault
    function totalStaked() external view returns (uint256) {
        return _stream.staked;
    }

    /// @inheritdoc IDividendVault
    function totalCarried() external view returns (uint256) {
        Stream memory s = _stream;
        (,, uint256[3] memory carried) = _rolled(s, block.timestamp);
        return _carriedSum(s, carried, block.timestamp);
    }

    /// @inheritdoc IDividendVault
    function stream() external view returns (uint256 thisWeek, uint256 nextWeek) {
        (thisWeek, nextWeek,) = _rolled(_stream, block.timestamp);
    }

    /// @inheritdoc IDividendVault
    function totals() external view returns (uint256 received, uint256 claimed) {
        return (_stream.received, _stream.claimed);
    }

    // Internals

    /// @dev The accumulator as of now, from what the last write left and this remainder.
    function _accNow(uint256 remainder) internal view returns (uint256 acc) {
        Stream storage s = _stream;
        uint256 staked = s.staked;
        acc = s.acc;
        if (staked == 0) return acc;
        uint256 streamed = _between(s.thisWeek, s.nextWeek, s.updatedAt, block.timestamp);
        return acc + (streamed * SCALE + remainder) / staked;
    }

    /// @dev Brings the stream up to now: what streamed goes to the stakers, or wanders on. Returns the accumulator.
    function _advance() internal returns (uint256 acc) {
        Stream memory s = _stream;
        acc = s.acc;
        if (s.staked != 0) {
            uint256 scaled = _between(s.thisWeek, s.nextWeek, s.updatedAt, block.timestamp) * SCALE + s.remainder;
            acc += scaled / s.staked;
            _stream.acc = SafeCast.toUint128(acc);
            _stream.remainder = uint96(scaled % s.staked); // below the stake, 96 bits
        }
        (uint256 thisWeek, uint256 nextWeek, uint256[3] memory carried) = _rolled(s, block.timestamp);
        // Parts of the fees ever received, 64 bits.
        _stream.thisWeek = uint64(thisWeek);
        _stream.nextWeek = uint64(nextWeek);
        _stream.updatedAt = SafeCast.toUint32(block.timestamp);

        if (s.staked != 0) return acc;
        uint256 sum = _carriedSum(s, carried, block.timestamp);
        if (sum == s.carried) return acc;
        _stream.carried = SafeCast.toUint128(sum);
        uint256 week = block.timestamp / WEEK;
        if (carried[0] != 0) emit Carried(uint256(s.updatedAt) / WEEK, carried[0]);
        if (carried[1] != 0) emit Carried(week - 1, carried[1]);
        if (carried[2] != 0) emit Carried(week, carried[2]);
    }

    /// @dev The week's and the next week's µ at `time`, in O(1) however long nobody came.
    /// @return thisWeek µ that stream over the week of `time`.
    /// @return nextWeek µ that stream over the week after it.
    /// @return carried µ that streamed with nobody staked: in the week of the last update, if that is over; in the weeks
    /// since that are over, the same in each (told once); in this week.
    function _rolled(Stream memory s, uint256 time)
        internal
        pure
        returns (uint256 thisWeek, uint256 nextWeek, uint256[3] memory carried)
    {
        (thisWeek, nextWeek) = (s.thisWeek, s.nextWeek);
        bool idle = s.staked == 0;
        uint256 done = _streamed(thisWeek, uint256(s.updatedAt) % WEEK);
        uint256 passed = time / WEEK - uint256(s.updatedAt) / WEEK;
        if (passed != 0) {
            if (idle) carried[0] = thisWeek - done;
            (thisWeek, nextWeek, done) = (nextWeek + carried[0], 0, 0);
        }
        if (passed > 1) {
            if (idle) carried[1] = thisWeek;
            else thisWeek = 0;
        }
        if (idle) {
            carried[2] = _streamed(thisWeek, time % WEEK) - done;
            nextWeek += carried[2];
        }
    }

    /// @dev µ that ever streamed with nobody staked, until `time`; `carried` as {_rolled} finds it.
    function _carriedSum(Stream memory s, uint256[3] memory carried, uint256 time) internal pure returns (uint256 sum) {
        sum = s.carried + carried[0] + carried[2];
        uint256 passed = time / WEEK - uint256(s.updatedAt) / WEEK;
        if (passed > 1) sum += carried[1] * (passed - 1);
    }

    /// @dev µ that stream from one time to another, when the week of `from` streams `thisWeek` and the next `nextWeek`.
    function _between(uint256 thisWeek, uint256 nextWeek, uint256 from, uint256 to) internal pure returns (uint256) {
        uint256 done = _streamed(thisWeek, from % WEEK);
        uint256 passed = to / WEEK - from / WEEK;
        if (passed == 0) return _streamed(thisWeek, to % WEEK) - done;
        return thisWeek - done + (passed == 1 ? _streamed(nextWeek, to % WEEK) : nextWeek);
    }

    /// @dev µ of a week's `amount` that have streamed `elapsed` seconds into it.
    function _streamed(uint256 amount, uint256 elapsed) internal pure returns (uint256) {
        return amount * elapsed / WEEK;
    }
}
