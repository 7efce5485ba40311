// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {BondSource, Role, SlashOrder} from "../types/DataTypes.sol";
import {StakeParts} from "./StakeParts.sol";
import {StakingBase} from "./StakingBase.sol";

/// @title Pledges, reservations and slashes
/// @notice A part of `Staking`; see {IStaking} and {IStakeReserves}. What the Escrow and the ReceiptLedger move, and what the
/// slashing role takes.
/// @dev A self-post may lend a part of a pledge to `reserved`; `pledgeBonds` counts what is lent. At any time pledged +
/// pledgeBonds = what all agreements together pledge: an agreement that ends takes its pledge out of the first, and what is
/// missing there out of the second, so that bond comes back as free stake. Nothing waits for a bond, and no agreement loses
/// its cover to another's.
abstract contract StakeReserves is StakingBase {
    using SafeERC20 for IERC20;

    uint256 private constant BPS = 10_000;
    uint16 private constant MAX_REWARD_BPS = 3_000;

    modifier onlyLedger() {
        if (msg.sender != LEDGER) revert Staking_NotLedger(msg.sender);
        _;
    }

    /// @inheritdoc IStakeReserves
    function pledgeBonds(uint32 operator) external view returns (uint64) {
        return _operators[operator].pledgeBonds;
    }

    /// @inheritdoc IStaking
    function pledgeTerms(uint32 operator) external view returns (address owner, bool able, uint64 pledgeable) {
        Account storage o = _operators[operator];
        uint8 roles = o.roles;
        StakeParts parts = o.parts;
        return (o.owner, roles & Role.PROVIDER != 0 && parts.free() >= MIN_PROVIDER, _spare(parts, roles));
    }

    // The Escrow's side. Neither function calls out, so it is enough that neither runs inside another entry.

    /// @inheritdoc IStaking
    function tryPledge(uint32 operator, uint64 amount) external onlyEscrow returns (bool ok) {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();

        // Check: a provider with that much above what its roles keep back, so an active one. Nothing at all can be pledged by
        // an active one that has less.
        Account storage o = _operators[operator];
        uint8 roles = o.roles;
        if (roles & Role.PROVIDER == 0) return false;
        StakeParts parts = o.parts;
        uint256 free = parts.free();
        uint256 kept = roles == Role.PROVIDER ? MIN_PROVIDER : minimumStake(roles);
        unchecked {
            // Each is below 2^64.
            if (amount + kept > free) return amount == 0 && free >= MIN_PROVIDER;
        }

        // Effect: from free to pledged.
        o.parts = parts.pledge(amount);
        return true;
    }

    /// @inheritdoc IStaking
    function release(uint32 operator, uint64 amount) external onlyEscrow {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();

        // Effect: from pledged to free; what a bond borrowed of it comes back as free stake later.
        Account storage o = _operators[operator];
        StakeParts parts = o.parts;
        uint64 pledged = parts.pledged();
        if (amount > pledged) {
            uint64 lent = o.pledgeBonds;
            uint64 missing = amount - pledged;
            // {StakeParts-release} says what is wrong.
            if (missing <= lent) (o.pledgeBonds, amount) = (lent - missing, pledged);
        }
        o.parts = parts.release(amount);
    }

    /// @inheritdoc IStakeReserves
    function slashPledge(SlashOrder calldata order, uint64 pledge)
        external
        onlyEscrow
        nonReentrant
        returns (uint64 taken)
    {
        Account storage o = _checkSlash(order);

        // Effect: the pledge ends. What is not taken of it is free; what a bond borrowed of it comes back as free stake.
        StakeParts parts = o.parts;
        uint64 held = uint64(Math.min(pledge, parts.pledged()));
        uint64 fromPledge = uint64(Math.min(order.amount, held));
        if (pledge > held) o.pledgeBonds -= uint64(Math.min(pledge - held, o.pledgeBonds));
        emit PledgeSlashed(order.operator, order.reason, pledge, fromPledge);

        // Effect: the rest from free and thawing stake. When something is left to take, nothing of the pledge came free.
        parts = parts.minusPledged(fromPledge).release(held - fromPledge);
        taken = _take(order, o, parts, fromPledge);
    }

    // The ReceiptLedger's side

    /// @inheritdoc IStakeReserves
    function tryReserve(uint32 operator, uint64 amount) external onlyLedger nonReentrant returns (bool ok) {
        // Check: that much is above what its roles keep back.
        Account storage o = _operators[operator];
        StakeParts parts = o.parts;
        if (amount > _spare(parts, o.roles)) return false;

        // Effect: from free to reserved.
        o.parts = parts.reserve(amount);
        emit Reserved(operator, amount);
        return true;
    }

    /// @inheritdoc IStakeReserves
    function unreserve(uint32 operator, uint64 amount) external onlyLedger nonReentrant {
        // Check
        Account storage o = _operators[operator];
        StakeParts parts = _holding(operator, o, amount);

        // Effect: from reserved to free.
        o.parts = parts.unreserve(amount);
        emit Unreserved(operator, amount);
    }

    /// @inheritdoc IStakeReserves
    function forfeit(uint32 operator, uint64 amount, address to) external onlyLedger nonReentrant {
        // Check
        if (to == address(0)) revert Staking_ZeroAddress();
        Account storage o = _operators[operator];
        StakeParts parts = _holding(operator, o, amount);

        // Effect: it is no stake any more, and owed to somebody.
        o.parts = parts.minusReserved(amount);
        _totals.stake -= amount;
        _totals.credits += amount;
        _credit(to, amount);
        emit Forfeited(operator, to, amount);
    }

    /// @inheritdoc IStakeReserves
    function takeBond(uint32 operator, uint64 amount, uint64 pledge, address payer)
        external
        onlyLedger
        nonReentrant
        returns (BondSource source)
    {
        Account storage o = _operators[operator];
        StakeParts parts = o.parts;
        if (amount <= _spare(parts, o.roles)) {
            // Effect: from free to reserved.
            source = BondSource.FREE;
            o.parts = parts.reserve(amount);
        } else if (amount <= pledge && amount <= parts.pledged()) {
            // Effect: the agreement's pledge lends it.
            source = BondSource.PLEDGE;
            o.parts = parts.pledgedToReserved(amount);
            o.pledgeBonds += amount;
        } else {
            // Interaction: pull exactly that, if it can be pulled. No entry of ours runs meanwhile.
            uint256 before = _balance();
            if (!IERC20(CURRENCY).trySafeTransferFrom(payer, address(this), amount)) return BondSource.NONE;
            uint256 received = _balance() - before;
            if (received != amount) revert Staking_WrongAmountReceived(amount, received);

            // Effect: it is reserved stake. After the interaction, which may fail and then changes nothing.
            source = BondSource.CURRENCY;
            o.parts = parts.plusReserved(amount);
            _totals.stake += amount;
        }
        emit BondTaken(operator, source, amount);
    }

    /// @inheritdoc IStakeReserves
    function returnBond(uint32 operator, uint64 amount, BondSource source) external onlyLedger nonReentrant {
        // Check
        Account storage o = _operators[operator];
        StakeParts parts = _holding(operator, o, amount);

        // Effect: back to the pledges, as far as they still want it; otherwise it is free.
        uint64 toPledge;
        if (source == BondSource.PLEDGE) {
            uint64 lent = o.pledgeBonds;
            toPledge = uint64(Math.min(amount, lent));
            o.pledgeBonds = lent - toPledge;
        }
        o.parts = parts.reservedToPledged(toPledge).unreserve(amount - toPledge);
        emit BondReturned(operator, source, amount);
    }

    // Slashing

    /// @inheritdoc IStaking
    function slash(SlashOrder calldata order) external nonReentrant restricted returns (uint64 taken) {
        Account storage o = _checkSlash(order);
        taken = _take(order, o, o.parts, 0);
    }

    /// @dev A known operator; whoever may get a share has a name, and is not who decides.
    function _checkSlash(SlashOrder calldata order) private view returns (Account storage o) {
        o = _operators[order.operator];
        if (o.owner == address(0)) revert Staking_UnknownOperator(order.operator);
        if (
            order.rewardBps > MAX_REWARD_BPS || (order.loss != 0 && order.victim == address(0))
                || (order.rewardBps != 0 && order.challenger == address(0)) || order.victim == msg.sender
                || order.challenger == msg.sender
        ) revert Staking_BadSlash();
    }

    /// @dev Takes what is left of the order from free, then from thawing stake, and credits all of it.
    /// @param parts The stake without `fromPledge`, which was taken already.
    function _take(SlashOrder calldata order, Account storage o, StakeParts parts, uint64 fromPledge)
        private
        returns (uint64 taken)
    {
        // Effect: take what there is.
        uint64 fromFree = uint64(Math.min(order.amount - fromPledge, parts.free()));
        uint64 fromThawing = uint64(Math.min(order.amount - fromPledge - fromFree, parts.thawing()));
        taken = fromPledge + fromFree + fromThawing;
        parts = parts.minusFree(fromFree).minusThawing(fromThawing);
        o.parts = parts;
        if (fromThawing != 0 && parts.thawing() == 0) o.thawEnds = 0;

        // Effect: credit it, the victim first; the reward is rounded up, but never above what the victim left.
        uint64 toVictim = uint64(Math.min(taken, order.loss));
        uint64 toChallenger = uint64(Math.min(taken - toVictim, Math.ceilDiv(uint256(taken) * order.rewardBps, BPS)));
        uint64 toInsurance = taken - toVictim - toChallenger;
        _totals.stake -= taken;
        _totals.credits += taken;
        _credit(order.victim, toVictim);
        _credit(order.challenger, toChallenger);
        _credit(INSURANCE, toInsurance);
        emit Slashed({
            operator: order.operator,
            reason: order.reason,
            fromFree: fromFree,
            fromThawing: fromThawing,
            victim: order.victim,
            toVictim: toVictim,
            challenger: order.challenger,
            toChallenger: toChallenger,
            toInsurance: toInsurance
        });
    }

    /// @dev The operator's parts, of which at least `amount` is reserved.
    function _holding(uint32 operator, Account storage o, uint64 amount) private view returns (StakeParts parts) {
        parts = o.parts;
        if (amount > parts.reserved()) revert Staking_NotEnoughReserved(operator, parts.reserved(), amount);
    }
}
