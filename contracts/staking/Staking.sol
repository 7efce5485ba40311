// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IOperatorRegistry} from "../interfaces/IOperatorRegistry.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {OperatorRegistry} from "./OperatorRegistry.sol";
import {StakeParts} from "./StakeParts.sol";
import {StakeReserves} from "./StakeReserves.sol";
import {StakingBase, StakingParameters} from "./StakingBase.sol";

/// @title Staking
/// @notice See {IStaking}, {IStakeReserves} and {IOperatorRegistry}. Here is what moves the currency.
contract Staking is OperatorRegistry, StakeReserves {
    using SafeERC20 for IERC20;

    constructor(StakingParameters memory p) StakingBase(p) {}

    /// @inheritdoc IStaking
    function stake(uint32 operator, uint64 amount) external nonReentrant {
        // Check: a known operator.
        Account storage o = _operators[operator];
        if (o.owner == address(0)) revert Staking_UnknownOperator(operator);
        if (amount == 0) revert Staking_ZeroAmount();

        // Effect: it is free stake.
        o.parts = o.parts.plusFree(amount);
        _totals.stake += amount;
        emit Staked(operator, msg.sender, amount);

        // Interaction: pull exactly that.
        uint256 before = _balance();
        IERC20(CURRENCY).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = _balance() - before;
        if (received != amount) revert Staking_WrongAmountReceived(amount, received);
    }

    /// @inheritdoc IStaking
    function unstake(uint32 operator, uint64 amount) external nonReentrant onlyOwner(operator) {
        // Check: only free stake thaws.
        Account storage o = _operators[operator];
        if (amount == 0) revert Staking_ZeroAmount();
        uint64 free = o.parts.free();
        if (amount > free) revert Staking_NotEnoughFree(operator, free, amount);

        // Effect
        _thaw(operator, o, amount);
    }

    /// @inheritdoc IStaking
    function cancelThaw(uint32 operator) external nonReentrant onlyOwner(operator) {
        // Check: something thaws.
        Account storage o = _operators[operator];
        StakeParts parts = o.parts;
        uint64 amount = parts.thawing();
        if (amount == 0) revert Staking_NothingThaws(operator);

        // Effect: all of it is free again.
        o.parts = parts.minusThawing(amount).plusFree(amount);
        o.thawEnds = 0;
        emit ThawCancelled(operator, amount);
    }

    /// @inheritdoc IStaking
    function withdraw(uint32 operator, address to) external nonReentrant onlyOwner(operator) returns (uint64 amount) {
        // Check: something has thawed.
        if (to == address(0)) revert Staking_ZeroAddress();
        Account storage o = _operators[operator];
        amount = o.parts.thawing();
        if (amount == 0) revert Staking_NothingThaws(operator);
        if (block.timestamp < o.thawEnds) revert Staking_StillThawing(operator, o.thawEnds);

        // Effect: it is no stake any more.
        o.parts = o.parts.minusThawing(amount);
        o.thawEnds = 0;
        _totals.stake -= amount;
        emit Withdrawn(operator, to, amount);

        // Interaction: pay it out.
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @inheritdoc IStaking
    function claimCredit(address to) external nonReentrant returns (uint256 amount) {
        // Check: something is owed.
        if (to == address(0)) revert Staking_ZeroAddress();
        amount = credits[msg.sender];
        if (amount == 0) revert Staking_NothingToClaim(msg.sender);

        // Effect: it is not owed any more.
        credits[msg.sender] = 0;
        // `amount` is a part of the sum, which fits.
        _totals.credits -= uint128(amount);
        emit CreditClaimed(msg.sender, to, amount);

        // Interaction: pay it out.
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    /// @inheritdoc IOperatorRegistry
    function recoverSurplus(address token, address to) external nonReentrant restricted returns (uint256 amount) {
        // Check: something was donated; stakes and credits are no surplus.
        if (to == address(0)) revert Staking_ZeroAddress();
        amount = IERC20(token).balanceOf(address(this));
        if (token == CURRENCY) {
            uint256 owed = uint256(_totals.stake) + _totals.credits;
            amount = amount > owed ? amount - owed : 0;
        }
        if (amount == 0) revert Staking_ZeroAmount();

        // Effect
        emit SurplusRecovered(token, to, amount);

        // Interaction: pay it out.
        IERC20(token).safeTransfer(to, amount);
    }
}
