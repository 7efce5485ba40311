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
/// step or in many (cumulative floors, a carried remainder). So only what changes the stakes or the fees writes it;
/// {claim} computes it and writes two slots.
contract DividendVault is IDividendVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Stream {
        // slot 0
        uint128 acc; // 1e-36 µ per TALLY-wei, cumulative
        uint96 remainder; // 1e-36 µ that the accumulator's division left over
        uint32 updatedAt;
        // slot 1
        uint96 staked; // TALLY-wei, of all
        uint64 thisWeek; // µ that stream over the week of updatedAt
        uint64 nextWeek; // µ that stream over the week after it
    }

    struct Totals {
        uint64 received; // µ, ever
        uint64 claimed; // µ, ever
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
    Totals private _totals;
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
        return _claimable(_accounts[staker], _now().acc);
    }

    /// @inheritdoc IDividendVault
    function stream() external view returns (uint256 thisWeek, uint256 nextWeek) {
        Stream memory s = _now();
        return (s.thisWeek, s.nextWeek);
    }

    /// @inheritdoc IDividendVault
    function totals() external view returns (uint256 received, uint256 claimed) {
        return (_totals.received, _totals.claimed);
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
        Stream memory s = _advance();
        s.staked = SafeCast.toUint96(s.staked + amount);
        _save(s);
        a.base += int256(amount * s.acc);
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
        Stream memory s = _advance();
        s.staked -= uint96(amount);
        _save(s);
        a.base -= int256(amount * s.acc);
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
        amount = _claimable(a, _now().acc);
        if (amount == 0) revert DividendVault_NothingToClaim(msg.sender);

        // Effect: it is not owed any more; with all other claims it is a part of what was received, 64 bits.
        a.claimed += uint64(amount);
        _totals.claimed += uint64(amount);
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
        _totals.received = SafeCast.toUint64(_totals.received + amount);
        Stream memory s = _advance();
        s.nextWeek += uint64(amount);
        _save(s);
        emit FeesReceived(block.timestamp / WEEK, amount);
    }

    // Internals

    /// @dev µ that an account with this accumulator can claim, floored.
    function _claimable(Account storage a, uint256 acc) private view returns (uint256) {
        int256 earned = int256(uint256(a.staked) * acc) - a.base;
        return uint256(earned) / SCALE - a.claimed;
    }

    function _save(Stream memory s) private {
        _stream = s;
    }

    /// @dev The stream as of now; tells what is carried.
    function _advance() private returns (Stream memory s) {
        uint256 week;
        uint256[3] memory carried;
        (s, week, carried) = _advanced(_stream, block.timestamp);
        if (carried[0] != 0) emit Carried(week, carried[0]);
        week = block.timestamp / WEEK;
        if (carried[1] != 0) emit Carried(week - 1, carried[1]);
        if (carried[2] != 0) emit Carried(week, carried[2]);
    }

    /// @dev The stream as of now.
    function _now() private view returns (Stream memory s) {
        (s,,) = _advanced(_stream, block.timestamp);
    }

    /// @dev Advances a stream to `time`, in O(1) however long nobody came.
    /// @return s The stream at `time`.
    /// @return week The week that it was at before.
    /// @return carried µ that streamed while nobody staked: in that week; in weeks after it that are over; in this week.
    function _advanced(Stream memory old, uint256 time)
        private
        pure
        returns (Stream memory s, uint256 week, uint256[3] memory carried)
    {
        s = old;
        week = uint256(s.updatedAt) / WEEK;
        uint256 weekNow = time / WEEK;
        uint256 streamed = _streamed(s.thisWeek, uint256(s.updatedAt) % WEEK);
        uint256 paid; // µ that streamed to stakers since the last update

        if (weekNow != week) {
            // The rest of that week; then the next one starts with what waited for it.
            uint256 rest = s.thisWeek - streamed;
            uint256 following = s.nextWeek;
            if (s.staked != 0) paid = rest;
            else (following, carried[0]) = (following + rest, rest);
            // Weeks that are over since, in which nothing arrived: all of it streamed in the first, or wandered on.
            if (weekNow > week + 1) {
                if (s.staked != 0) (paid, following) = (paid + following, 0);
                else carried[1] = following;
            }
            // A part of the fees ever received, 64 bits, as are all sums of such parts.
            s.thisWeek = uint64(following);
            s.nextWeek = 0;
            streamed = 0;
        }
        uint256 part = _streamed(s.thisWeek, time % WEEK) - streamed;
        if (s.staked != 0) {
            paid += part;
            uint256 scaled = paid * SCALE + s.remainder;
            s.acc += SafeCast.toUint128(scaled / s.staked);
            s.remainder = uint96(scaled % s.staked); // below the stake, 96 bits
        } else if (part != 0) {
            carried[2] = part;
            s.nextWeek += uint64(part);
        }
        s.updatedAt = SafeCast.toUint32(time);
    }

    /// @dev µ of a week's `amount` that have streamed `elapsed` seconds into it.
    function _streamed(uint256 amount, uint256 elapsed) private pure returns (uint256) {
        return amount * elapsed / WEEK;
    }
}
