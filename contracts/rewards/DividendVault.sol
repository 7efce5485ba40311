// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IDividendVault} from "../interfaces/IDividendVault.sol";
import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";
import {ClaimSkip} from "../types/RewardTypes.sol";
import {DividendStream} from "./DividendStream.sol";

/// @title DividendVault
/// @notice See {IDividendVault}.
/// @dev The accumulator and its bounds: {DividendStream}. Earnings are kept exactly, so a claim advances nothing: {claim}
/// computes the stream, writes two slots, and reads the remainder only when the last µ hangs on it.
contract DividendVault is DividendStream, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Account {
        // slot 0
        uint96 staked; // TALLY-wei that earn
        uint64 claimed; // µ, ever
        // slot 1: earned ever = staked * acc - base, in 1e-36 µ; so only a change of the stake writes it
        int256 base;
        // slot 2
        uint96 exiting; // TALLY-wei
        uint40 unlocksAt;
        // slot 3
        address payout; // where {claimFor} may send; zero: nowhere
    }

    uint256 private constant MINIMUM = 1e18;
    /// @dev More than the remainder can add to one account's earnings, in 1e-36 µ: with all stakes S, it raises the
    /// accumulator by at most remainder / S + 1, so an account by at most remainder + its stake, 96 bits each.
    uint256 private constant REMAINDER_REACH = 1 << 97;

    /// @inheritdoc IDividendVault
    uint256 public constant MAX_ITEMS = 200;

    address public immutable CURRENCY;
    address public immutable TOKEN;
    address public immutable FEE_SPLITTER;
    /// @inheritdoc IDividendVault
    uint40 public immutable EXIT_DELAY;

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
    }

    // Reads

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
        Account storage a = _accounts[staker];
        return _earned(a, _accNow(_stream.remainder)) / SCALE - a.claimed;
    }

    /// @inheritdoc IDividendVault
    function payoutOf(address staker) external view returns (address) {
        return _accounts[staker].payout;
    }

    /// @inheritdoc IDividendVault
    function lifetimeOf(address staker) external view returns (uint256 earned, uint256 claimed) {
        Account storage a = _accounts[staker];
        return (_earned(a, _accNow(_stream.remainder)) / SCALE, a.claimed);
    }

    // Staking and leaving

    /// @inheritdoc IDividendVault
    function stake(uint256 amount) external nonReentrant {
        _stake(msg.sender, amount);
    }

    /// @inheritdoc IDividendVault
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        // Interaction: whoever saw the permit may have used it first. What counts is whether the tokens come.
        try IERC20Permit(TOKEN).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _stake(msg.sender, amount);
    }

    /// @inheritdoc IDividendVault
    function stakeFor(address staker, uint256 amount) external nonReentrant {
        // Check: a stranger's gift is a whole stake of its own. With less of it anybody could stop somebody who takes all
        // out, by giving a wei just before: that wei alone may not stay.
        if (staker == address(0)) revert DividendVault_ZeroAddress();
        if (amount < MINIMUM && amount != 0 && staker != msg.sender) revert DividendVault_BelowMinimum(amount);
        _stake(staker, amount);
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
        uint256 earned = _earned(a, _accNow(0));
        if ((earned + REMAINDER_REACH) / SCALE != earned / SCALE) earned = _earned(a, _accNow(_stream.remainder));
        amount = earned / SCALE - a.claimed;
        if (amount == 0) revert DividendVault_NothingToClaim(msg.sender);

        // Effect: it is not owed any more; with all other claims it is a part of what was received, 64 bits.
        a.claimed += uint64(amount);
        _stream.claimed += uint64(amount);
        emit Claimed(msg.sender, to, amount);

        // Interaction: pay it out.
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @inheritdoc IDividendVault
    function setPayout(address payout) external nonReentrant {
        // Effect
        _accounts[msg.sender].payout = payout;
        emit PayoutSet(msg.sender, payout);
    }

    /// @inheritdoc IDividendVault
    function claimFor(address[] calldata stakers) external nonReentrant returns (uint256 amount) {
        // Check
        if (stakers.length > MAX_ITEMS) revert DividendVault_TooManyItems(stakers.length);

        // Effect, Interaction: one by one.
        uint256 acc = _accNow(_stream.remainder);
        uint256 before = IERC20(CURRENCY).balanceOf(address(this));
        for (uint256 i = 0; i < stakers.length; ++i) {
            amount += _claimFor(stakers[i], acc);
        }

        // Check: no transfer that was refused has moved money all the same. More may be here: a gift stops nobody.
        uint256 left = IERC20(CURRENCY).balanceOf(address(this));
        if (left + amount < before) revert DividendVault_WrongAmountReceived(amount, before - left);
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

    /// @dev Stakes what the caller pays.
    function _stake(address staker, uint256 amount) private {
        // Check: enough of it to keep the accumulator in its bounds.
        if (amount == 0) revert DividendVault_ZeroAmount();
        Account storage a = _accounts[staker];
        uint256 staked = a.staked + amount;
        if (staked < MINIMUM) revert DividendVault_BelowMinimum(staked);

        // Effect: it earns from now on.
        uint256 acc = _advance();
        _stream.staked = SafeCast.toUint96(_stream.staked + amount);
        a.base += int256(amount * acc);
        a.staked = uint96(staked); // a part of the sum, which fits
        emit Staked(staker, amount);

        // Interaction: pull exactly that.
        IERC20 token = IERC20(TOKEN);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != amount) revert DividendVault_WrongAmountReceived(amount, received);
    }

    /// @dev Pays one staker, or tells why not. All gas goes along: what an ordinary transfer uses up leaves too little to
    /// go on, so whoever sends too little gas gets a revert, not a refusal.
    function _claimFor(address staker, uint256 acc) private returns (uint256 amount) {
        // Check: it wants that, and a whole µ at least is owed.
        Account storage a = _accounts[staker];
        address payout = a.payout;
        if (payout == address(0)) return _skip(staker, ClaimSkip.NO_PAYOUT);
        amount = _earned(a, acc) / SCALE - a.claimed;
        if (amount == 0) return _skip(staker, ClaimSkip.NOTHING_OWED);

        // Effect: as in {claim}.
        a.claimed += uint64(amount);
        _stream.claimed += uint64(amount);

        // Interaction: pay it out, or it is owed as before.
        if (IERC20(CURRENCY).trySafeTransfer(payout, amount)) {
            emit Claimed(staker, payout, amount);
        } else {
            a.claimed -= uint64(amount);
            _stream.claimed -= uint64(amount);
            return _skip(staker, ClaimSkip.TRANSFER_REFUSED);
        }
    }

    function _skip(address staker, ClaimSkip reason) private returns (uint256 nothing) {
        emit ClaimSkipped(staker, reason);
        return 0;
    }

    /// @dev What an account has ever earned with this accumulator, in 1e-36 µ.
    function _earned(Account storage a, uint256 acc) private view returns (uint256) {
        return uint256(int256(uint256(a.staked) * acc) - a.base);
    }
}
