// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {BondSource} from "../types/ReceiptTypes.sol";
import {Role, SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";
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

    /// @dev What was taken besides a pledge, µ.
    struct Taken {
        uint64 fromFree;
        uint64 fromThawing;
    }

    modifier onlyLedger() {
        if (msg.sender != LEDGER) revert Staking_NotLedger(msg.sender);
        _;
    }

    modifier onlyReserver() {
        if (msg.sender != LEDGER && msg.sender != COURT) revert Staking_NotLedger(msg.sender);
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
    function slashPledge(SlashOrder calldata order, uint64 pledge, uint64 lent)
        external
        onlyEscrow
        nonReentrant
        returns (SlashOutcome memory outcome)
    {
        Account storage o = _checkSlash(order);

        // Effect: the pledge ends. Out of `pledged` comes what bonds did not borrow of it; or less, when agreements that ended
        // took that and bonds will bring it back; or more, when bonds brought back what was borrowed of it. What of the pledge
        // is not there no bond brings back any more.
        StakeParts parts = o.parts;
        uint64 bonds = o.pledgeBonds;
        uint64 held = pledge - uint64(Math.min(lent, pledge));
        if (uint256(held) + bonds < pledge) held = pledge - bonds;
        held = uint64(Math.min(held, parts.pledged()));
        if (pledge > held) o.pledgeBonds = bonds - uint64(Math.min(pledge - held, bonds));

        // Effect: recovery from the pledge alone, then the slash and the fee, from free and thawing stake as well. When
        // something is left to take after the pledge, nothing of it came free.
        outcome.recovered = uint64(Math.min(order.recover, held));
        uint64 fromPledge = uint64(Math.min(order.amount, held - outcome.recovered));
        uint64 feeFromPledge = uint64(Math.min(order.fee, held - outcome.recovered - fromPledge));
        emit PledgeSlashed(order.operator, order.reason, pledge, fromPledge);
        parts = parts.minusPledged(outcome.recovered + fromPledge + feeFromPledge);
        parts = parts.release(held - outcome.recovered - fromPledge - feeFromPledge);
        _take(order, o, parts, fromPledge, feeFromPledge, outcome);
    }

    // The ReceiptLedger's side

    /// @inheritdoc IStakeReserves
    function tryReserve(uint32 operator, uint64 amount) external onlyReserver nonReentrant returns (bool ok) {
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
    function unreserve(uint32 operator, uint64 amount) external onlyReserver nonReentrant {
        // Check
        Account storage o = _operators[operator];
        StakeParts parts = _holding(operator, o, amount);

        // Effect: from reserved to free.
        o.parts = parts.unreserve(amount);
        emit Unreserved(operator, amount);
    }

    /// @inheritdoc IStakeReserves
    function forfeit(uint32 operator, uint64 amount, address to) external onlyReserver nonReentrant {
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
    function slash(SlashOrder calldata order) external nonReentrant returns (SlashOutcome memory outcome) {
        // Check: nobody has or gets this right by a role.
        if (msg.sender != COURT && msg.sender != CHALLENGES) revert Staking_NotCourt(msg.sender);
        Account storage o = _checkSlash(order);
        // Only a pledge can be recovered from.
        if (order.recover != 0) revert Staking_BadSlash();
        _take(order, o, o.parts, 0, 0, outcome);
    }

    /// @dev A known operator; whoever may get a share has a name.
    function _checkSlash(SlashOrder calldata order) private view returns (Account storage o) {
        o = _operators[order.operator];
        if (o.owner == address(0)) revert Staking_UnknownOperator(order.operator);
        if (
            order.rewardBps > MAX_REWARD_BPS || ((order.loss != 0 || order.recover != 0) && order.victim == address(0))
                || (order.rewardBps != 0 && order.challenger == address(0))
                || (order.fee != 0 && order.feeTo == address(0))
        ) revert Staking_BadSlash();
    }

    /// @dev Takes what is left of the slash, then of the fee, from free, then from thawing stake, and credits all of it.
    /// @param parts The stake without what came of the pledge: `outcome.recovered`, `fromPledge`, `feeFromPledge`.
    // solhint-disable-next-line function-max-lines
    function _take(
        SlashOrder calldata order,
        Account storage o,
        StakeParts parts,
        uint64 fromPledge,
        uint64 feeFromPledge,
        SlashOutcome memory outcome
    ) private {
        // Effect: take what there is.
        uint64 thawing = parts.thawing();
        Taken memory slashed;
        Taken memory charged;
        (parts, slashed) = _drain(parts, order.amount, fromPledge);
        (parts, charged) = _drain(parts, order.fee, feeFromPledge);
        o.parts = parts;
        if (thawing != 0 && parts.thawing() == 0) o.thawEnds = 0;
        uint64 taken = fromPledge + slashed.fromFree + slashed.fromThawing;
        outcome.slashed = taken;
        outcome.fee = feeFromPledge + charged.fromFree + charged.fromThawing;

        // Effect: credit it, the victim first; the reward is rounded up, but never above what the victim left.
        uint64 loss = order.loss - uint64(Math.min(outcome.recovered, order.loss));
        outcome.toVictim = uint64(Math.min(taken, loss));
        outcome.toChallenger =
            uint64(Math.min(taken - outcome.toVictim, Math.ceilDiv(uint256(taken) * order.rewardBps, BPS)));
        outcome.toInsurance = taken - outcome.toVictim - outcome.toChallenger;
        uint64 all = taken + outcome.recovered + outcome.fee;
        _totals.stake -= all;
        _totals.credits += all;
        _credit(order.victim, outcome.recovered + outcome.toVictim);
        _credit(order.challenger, outcome.toChallenger);
        _credit(INSURANCE, outcome.toInsurance);
        emit Slashed({
            operator: order.operator,
            reason: order.reason,
            fromFree: slashed.fromFree,
            fromThawing: slashed.fromThawing,
            victim: order.victim,
            toVictim: outcome.toVictim,
            challenger: order.challenger,
            toChallenger: outcome.toChallenger,
            toInsurance: outcome.toInsurance
        });
        if (outcome.recovered + outcome.fee == 0) return;
        _credit(order.feeTo, outcome.fee);
        emit Charged({
            operator: order.operator,
            victim: order.victim,
            recovered: outcome.recovered,
            feeTo: order.feeTo,
            fee: outcome.fee,
            fromPledge: outcome.recovered + feeFromPledge,
            fromFree: charged.fromFree,
            fromThawing: charged.fromThawing
        });
    }

    /// @dev Takes up to `amount`, of which `had` was taken before, from free, then from thawing stake.
    function _drain(StakeParts parts, uint64 amount, uint64 had) private pure returns (StakeParts, Taken memory taken) {
        taken.fromFree = uint64(Math.min(amount - had, parts.free()));
        taken.fromThawing = uint64(Math.min(amount - had - taken.fromFree, parts.thawing()));
        return (parts.minusFree(taken.fromFree).minusThawing(taken.fromThawing), taken);
    }

    /// @dev The operator's parts, of which at least `amount` is reserved.
    function _holding(uint32 operator, Account storage o, uint64 amount) private view returns (StakeParts parts) {
        parts = o.parts;
        if (amount > parts.reserved()) revert Staking_NotEnoughReserved(operator, parts.reserved(), amount);
    }
}
