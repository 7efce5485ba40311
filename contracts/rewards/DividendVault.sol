// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDividendVault} from "../interfaces/IDividendVault.sol";
import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";

/// @title DividendVault
/// @notice See {IDividendVault}.
/// @dev Why nothing overflows: fees ever received F < 2^64 µ, and whoever stakes holds at least 1e18, so the accumulator
/// is at most F * 1e36 / 1e18 < 2^124; stakes are below 2^96. Every product below stays under 2^224, so plain 256-bit
/// arithmetic is exact and no 512-bit multiplication is needed.
///
/// The stream is a function of time and of what the last write left, and gives the same whether it is advanced in one
/// step or in many (cumulative floors, a carried remainder). So only what changes the stakes or the fees advances it;
/// {claim} computes it, writes two slots, and reads the remainder only when the last µ hangs on it.
contract DividendVault is IDividendVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

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
    }

    struct Account {
        // slot 0
        uint96 staked; // TALLY-wei that earn
        uint64 claimed; // µ, ever
        // slot 1: earned ever = staked * acc - base, in 1e-36 µ; so only a change of the stake writes it
        int256 base;
        // slot 2
        uint96 exiting; // TALLY-wei
        uint40 unlocksAt;
    }

    uint256 private constant WEEK = 604_800;
    uint256 private constant SCALE = 1e36;
    uint256 private constant MINIMUM = 1e18;

    address public immutable CURRENCY;
    address public immutable TOKEN;
    address public immutable FEE_SPLITTER;
    /// @inheritdoc IDividendVault
    uint40 public immutable EXIT_DELAY;

    Stream private _stream;
    mapping(address staker => Account) private _accounts;

    constructor(address currency, address token, address feeSplitter, uint40 exitDelay) {
        if (token == address(0) || feeSplitter == address(0)) revert DividendVault_ZeroAddress();
        if (currency == token || currency.code.length == 0 || IERC20Metadata(currency).decimals() > 6) {
            revert DividendVault_UnfitCurrency(currency);
        }
        CURRENCY = currency;
        TOKEN = token;
        FEE_SPLITTER = feeSplitter;
        EXIT_DELAY = exitDelay;
        _stream.updatedAt = SafeCast.toUint32(block.timestamp);
    }

    // Reads

    /// @inheritdoc IDividendVault
    function totalStaked() external view returns (uint256) {
        return _stream.staked;
    }

    /// @inheritdoc IDividendVault
    function stakedOf(address staker) external view returns (uint256) {
        return _accounts[staker].staked;
    }

    /// @inheritdoc IDividendVault
    function exitingOf(address staker) external view returns (uint256 amount, uint40 unlocksAt) {
        Account storage a = _accounts[staker];
        return (a.exiting, a.unlocksAt);
    }

    /// @inheritdoc IDividendVault
    function claimable(address staker) external view returns (uint256) {
        return _claimable(_accounts[staker], _accNow(_stream.remainder));
    }

    /// @inheritdoc IDividendVault
    function stream() external view returns (uint256 thisWeek, uint256 nextWeek) {
        (thisWeek, nextWeek,) = _rolled(_stream, block.timestamp);
    }

    /// @inheritdoc IDividendVault
    function totals() external view returns (uint256 received, uint256 claimed) {
        return (_stream.received, _stream.claimed);
    }

    // Staking and leaving

    /// @inheritdoc IDividendVault
    function stake(uint256 amount) external nonReentrant {
        // Check: enough of it to keep the accumulator in its bounds.
        if (amount == 0) revert DividendVault_ZeroAmount();
        Account storage a = _accounts[msg.sender];
        uint256 staked = a.staked + amount;
        if (staked < MINIMUM) revert DividendVault_BelowMinimum(staked);

        // Effect: it earns from now on.
        uint256 acc = _advance();
        _stream.staked = SafeCast.toUint96(_stream.staked + amount);
        a.base += int256(amount * acc);
        a.staked = uint96(staked); // a part of the sum, which fits
        emit Staked(msg.sender, amount);

        // Interaction: pull exactly that.
        IERC20 token = IERC20(TOKEN);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DividendVault_WrongAmountReceived(amount, received);
    }

    /// @inheritdoc IDividendVault
    function unstake(uint256 amount) external nonReentrant {
        // Check: it is there, and what stays is nothing or enough.
        if (amount == 0) revert DividendVault_ZeroAmount();
        Account storage a = _accounts[msg.sender];
        uint256 staked = a.staked;
        if (amount > staked) revert DividendVault_NotEnoughStaked(staked, amount);
        staked -= amount;
        if (staked != 0 && staked < MINIMUM) revert DividendVault_BelowMinimum(staked);

        // Effect: it stops earning; what it has earned stays owed. `amount` is at most the stake, 96 bits.
        uint256 acc = _advance();
        _stream.staked -= uint96(amount);
        a.base -= int256(amount * acc);
        a.staked = uint96(staked);
        uint40 unlocksAt = uint40(block.timestamp) + EXIT_DELAY;
        a.exiting += uint96(amount);
        a.unlocksAt = unlocksAt;
        emit ExitStarted(msg.sender, amount, unlocksAt);
    }

    /// @inheritdoc IDividendVault
    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        // Check: something has left, long enough ago.
        if (to == address(0)) revert DividendVault_ZeroAddress();
        Account storage a = _accounts[msg.sender];
        amount = a.exiting;
        if (amount == 0) revert DividendVault_NothingToWithdraw(msg.sender);
        if (block.timestamp < a.unlocksAt) revert DividendVault_StillLocked(msg.sender, a.unlocksAt);

        // Effect: it is not here any more.
        a.exiting = 0;
        a.unlocksAt = 0;
        emit Withdrawn(msg.sender, to, amount);

        // Interaction: send it.
        IERC20(TOKEN).safeTransfer(to, amount);
    }

    // Dividends

    /// @inheritdoc IDividendVault
    function claim(address to) external nonReentrant returns (uint256 amount) {
        // Check: a whole µ at least is owed.
        if (to == address(0)) revert DividendVault_ZeroAddress();
        Account storage a = _accounts[msg.sender];
        uint256 acc = _accNow(0);
        amount = _claimable(a, acc);
        // The remainder adds at most one to the accumulator.
        if (_claimable(a, acc + 1) != amount) amount = _claimable(a, _accNow(_stream.remainder));
        if (amount == 0) revert DividendVault_NothingToClaim(msg.sender);

        // Effect: it is not owed any more; with all other claims it is a part of what was received, 64 bits.
        a.claimed += uint64(amount);
        _stream.claimed += uint64(amount);
        emit Claimed(msg.sender, to, amount);

        // Interaction: pay it out.
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @inheritdoc IDividendVault
    function pullFees() external nonReentrant returns (uint256 amount) {
        // Interaction: take the credit. Nothing here depends on it yet, and no entry runs meanwhile.
        uint256 before = IERC20(CURRENCY).balanceOf(address(this));
        amount = IFeeSplitter(FEE_SPLITTER).pull();
        uint256 received = IERC20(CURRENCY).balanceOf(address(this)) - before;
        if (received != amount) revert DividendVault_WrongAmountReceived(amount, received);
        if (amount == 0) return 0;

        // Effect: it streams over the next week.
        _advance();
        _stream.received = SafeCast.toUint64(_stream.received + amount);
        _stream.nextWeek += uint64(amount);
        emit FeesReceived(block.timestamp / WEEK, amount);
    }

    // Internals

    /// @dev µ that an account with this accumulator can claim, floored.
    function _claimable(Account storage a, uint256 acc) private view returns (uint256) {
        int256 earned = int256(uint256(a.staked) * acc) - a.base;
        return uint256(earned) / SCALE - a.claimed;
    }

    /// @dev The accumulator as of now, from what the last write left and this remainder.
    function _accNow(uint256 remainder) private view returns (uint256 acc) {
        Stream storage s = _stream;
        uint256 staked = s.staked;
        acc = s.acc;
        if (staked == 0) return acc;
        uint256 streamed = _between(s.thisWeek, s.nextWeek, s.updatedAt, block.timestamp);
        return acc + (streamed * SCALE + remainder) / staked;
    }

    /// @dev Brings the stream up to now: what streamed goes to the stakers, or wanders on. Returns the accumulator.
    function _advance() private returns (uint256 acc) {
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

        uint256 week = block.timestamp / WEEK;
        if (carried[0] != 0) emit Carried(uint256(s.updatedAt) / WEEK, carried[0]);
        if (carried[1] != 0) emit Carried(week - 1, carried[1]);
        if (carried[2] != 0) emit Carried(week, carried[2]);
    }

    /// @dev The week's and the next week's µ at `time`, in O(1) however long nobody came.
    /// @return thisWeek µ that stream over the week of `time`.
    /// @return nextWeek µ that stream over the week after it.
    /// @return carried µ that streamed with nobody staked: in the week of the last update, if that is over; in the weeks
    /// since that are over (told once); in this week.
    function _rolled(Stream memory s, uint256 time)
        private
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

    /// @dev µ that stream from one time to another, when the week of `from` streams `thisWeek` and the next `nextWeek`.
    function _between(uint256 thisWeek, uint256 nextWeek, uint256 from, uint256 to) private pure returns (uint256) {
        uint256 done = _streamed(thisWeek, from % WEEK);
        uint256 passed = to / WEEK - from / WEEK;
        if (passed == 0) return _streamed(thisWeek, to % WEEK) - done;
        return thisWeek - done + (passed == 1 ? _streamed(nextWeek, to % WEEK) : nextWeek);
    }

    /// @dev µ of a week's `amount` that have streamed `elapsed` seconds into it.
    function _streamed(uint256 amount, uint256 elapsed) private pure returns (uint256) {
        return amount * elapsed / WEEK;
    }
}
