// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IStaking} from "../interfaces/IStaking.sol";
import {HardwareClass, KeyKind, KeyValidity, Operator, Role, SlashOrder} from "../types/DataTypes.sol";
import {StakeParts} from "./StakeParts.sol";

/// @notice What `Staking` is built from.
/// @param authority AccessManager in front of {IStaking-slash}.
/// @param currency The stablecoin; at most 6 decimals.
/// @param escrow The only caller of {IStaking-tryPledge} and {IStaking-release}.
/// @param insurance Who is credited what a slash leaves over.
/// @param thawPeriod Seconds that stake thaws; more than maxLiability + maxPause.
/// @param maxLiability Seconds within which every window and dispute ends.
/// @param maxPause Seconds of the longest pause.
/// @param keyRevocationDelay Seconds for which a revoked device key stays good.
/// @param minProvider µ of free stake that a provider needs.
/// @param minVerifier µ of free stake that a verifier needs.
/// @param minRelayer µ of free stake that a relayer needs.
struct StakingParameters {
    address authority;
    address currency;
    address escrow;
    address insurance;
    uint40 thawPeriod;
    uint40 maxLiability;
    uint40 maxPause;
    uint40 keyRevocationDelay;
    uint64 minProvider;
    uint64 minVerifier;
    uint64 minRelayer;
}

/// @title Staking
/// @notice See {IStaking}.
contract Staking is IStaking, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev Slot 0 is all that pledging writes; slot 1 all that it reads besides; slots 2 and 3 are cold.
    struct Account {
        // slot 0
        StakeParts parts;
        // slot 1
        address owner;
        uint8 roles;
        HardwareClass hardwareClass;
        uint16 region;
        uint8 signerThreshold;
        uint32 source;
        // slot 2
        uint40 thawEnds;
        // slot 3
        bytes32 metadata;
    }

    /// @dev Sums over all operators, in µ.
    struct Totals {
        uint128 stake;
        uint128 credits;
    }

    uint256 private constant BPS = 10_000;
    uint16 private constant MAX_REWARD_BPS = 3_000;

    address public immutable CURRENCY;
    address public immutable ESCROW;
    /// @inheritdoc IStaking
    address public immutable INSURANCE;
    /// @inheritdoc IStaking
    uint40 public immutable THAW_PERIOD;
    /// @inheritdoc IStaking
    uint40 public immutable KEY_REVOCATION_DELAY;
    uint64 private immutable MIN_PROVIDER;
    uint64 private immutable MIN_VERIFIER;
    uint64 private immutable MIN_RELAYER;

    /// @inheritdoc IStaking
    uint32 public count;
    Totals private _totals;
    mapping(uint32 operator => Account) private _operators;
    /// @dev By operator << 168 | kind << 160 | key.
    mapping(uint256 keyId => KeyValidity) private _keys;
    /// @inheritdoc IStaking
    mapping(address holder => uint256) public credits;

    constructor(StakingParameters memory p) AccessManaged(p.authority) {
        if (p.authority == address(0) || p.escrow == address(0) || p.insurance == address(0)) {
            revert Staking_ZeroAddress();
        }
        if (p.currency.code.length == 0 || IERC20Metadata(p.currency).decimals() > 6) {
            revert Staking_UnfitCurrency(p.currency);
        }
        // A thaw outlasts everything that could still reach the stake that thaws.
        uint256 needed = uint256(p.maxLiability) + p.maxPause + 1;
        if (p.thawPeriod < needed) revert Staking_ThawTooShort(p.thawPeriod, needed);

        CURRENCY = p.currency;
        ESCROW = p.escrow;
        INSURANCE = p.insurance;
        THAW_PERIOD = p.thawPeriod;
        KEY_REVOCATION_DELAY = p.keyRevocationDelay;
        MIN_PROVIDER = p.minProvider;
        MIN_VERIFIER = p.minVerifier;
        MIN_RELAYER = p.minRelayer;
    }

    modifier onlyEscrow() {
        if (msg.sender != ESCROW) revert Staking_NotEscrow(msg.sender);
        _;
    }

    modifier onlyOwner(uint32 operator) {
        if (msg.sender != _operators[operator].owner) revert Staking_NotOwner(operator, msg.sender);
        _;
    }

    // Reads

    /// @inheritdoc IStaking
    function get(uint32 operator) external view returns (Operator memory) {
        Account storage o = _operators[operator];
        return Operator({
            owner: o.owner,
            roles: o.roles,
            hardwareClass: o.hardwareClass,
            region: o.region,
            signerThreshold: o.signerThreshold,
            source: o.source,
            free: o.parts.free(),
            pledged: o.parts.pledged(),
            reserved: o.parts.reserved(),
            thawing: o.parts.thawing(),
            thawEnds: o.thawEnds,
            metadata: o.metadata
        });
    }

    /// @inheritdoc IStaking
    function ownerOf(uint32 operator) external view returns (address) {
        return _operators[operator].owner;
    }

    /// @inheritdoc IStaking
    function minimumStake(uint8 roles) public view returns (uint64 minimum) {
        if (roles & Role.PROVIDER != 0) minimum = MIN_PROVIDER;
        if (roles & Role.VERIFIER != 0 && MIN_VERIFIER > minimum) minimum = MIN_VERIFIER;
        if (roles & Role.RELAYER != 0 && MIN_RELAYER > minimum) minimum = MIN_RELAYER;
    }

    /// @inheritdoc IStaking
    function isActive(uint32 operator, uint8 role) public view returns (bool) {
        Account storage o = _operators[operator];
        return role != 0 && o.roles & role == role && o.parts.free() >= minimumStake(role);
    }

    /// @inheritdoc IStaking
    function postingTerms(uint32 operator) external view returns (bool active, uint64 free, uint8 signerThreshold) {
        Account storage o = _operators[operator];
        return (isActive(operator, Role.RELAYER), o.parts.free(), o.signerThreshold);
    }

    /// @inheritdoc IStaking
    function keyValidity(uint32 operator, KeyKind kind, address key) external view returns (KeyValidity memory) {
        return _keys[_keyId(operator, kind, key)];
    }

    /// @inheritdoc IStaking
    function isKeyValid(uint32 operator, KeyKind kind, address key, uint40 time) external view returns (bool) {
        KeyValidity memory v = _keys[_keyId(operator, kind, key)];
        return v.validFrom != 0 && v.validFrom <= time && (v.revokedAt == 0 || time < v.revokedAt);
    }

    /// @inheritdoc IStaking
    function totalStake() external view returns (uint256) {
        return _totals.stake;
    }

    /// @inheritdoc IStaking
    function totalCredits() external view returns (uint256) {
        return _totals.credits;
    }

    // Operators and their keys

    /// @inheritdoc IStaking
    function register(uint8 roles, HardwareClass hardwareClass, uint16 region, uint32 source, bytes32 metadata)
        external
        nonReentrant
        returns (uint32 operator)
    {
        // Check: known roles; a hardware class belongs to providers, and to them alone.
        bool provides = roles & Role.PROVIDER != 0;
        if (roles == 0 || roles > Role.ALL || provides == (hardwareClass == HardwareClass.NONE)) {
            revert Staking_BadRegistration();
        }

        // Effect: the next number.
        operator = ++count;
        Account storage o = _operators[operator];
        o.owner = msg.sender;
        o.roles = roles;
        o.hardwareClass = hardwareClass;
        o.region = region;
        o.signerThreshold = 1;
        o.source = source;
        o.metadata = metadata;
        emit Registered(operator, msg.sender, roles, hardwareClass, region, source, metadata);
    }

    /// @inheritdoc IStaking
    function authoriseKey(uint32 operator, KeyKind kind, address key) external nonReentrant onlyOwner(operator) {
        // Check: a new key, never used here before in this kind.
        if (key == address(0)) revert Staking_ZeroAddress();
        KeyValidity storage v = _keys[_keyId(operator, kind, key)];
        if (v.validFrom != 0) revert Staking_KeyAlreadyAuthorised(operator, kind, key);

        // Effect: good from now on.
        uint40 validFrom = uint40(block.timestamp);
        v.validFrom = validFrom;
        emit KeyAuthorised(operator, kind, key, validFrom);
    }

    /// @inheritdoc IStaking
    function revokeKey(uint32 operator, KeyKind kind, address key) external nonReentrant onlyOwner(operator) {
        // Check: authorised, and not yet revoked, so that an end once set never moves.
        KeyValidity storage v = _keys[_keyId(operator, kind, key)];
        if (v.validFrom == 0) revert Staking_KeyUnknown(operator, kind, key);
        if (v.revokedAt != 0) revert Staking_KeyAlreadyRevoked(operator, kind, key, v.revokedAt);

        // Effect: what devices signed and others hold stays good for the delay; other keys end at once.
        uint40 revokedAt = uint40(block.timestamp) + (kind == KeyKind.DEVICE ? KEY_REVOCATION_DELAY : 0);
        v.revokedAt = revokedAt;
        emit KeyRevoked(operator, kind, key, revokedAt);
    }

    /// @inheritdoc IStaking
    function setSignerThreshold(uint32 operator, uint8 threshold) external nonReentrant onlyOwner(operator) {
        // Check: nobody posts with no signature.
        if (threshold == 0) revert Staking_BadThreshold(threshold);

        // Effect: the next batch needs so many.
        _operators[operator].signerThreshold = threshold;
        emit SignerThresholdSet(operator, threshold);
    }

    // Stake

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
        IERC20 currency = IERC20(CURRENCY);
        uint256 before = currency.balanceOf(address(this));
        currency.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = currency.balanceOf(address(this)) - before;
        if (received != amount) revert Staking_WrongAmountReceived(amount, received);
    }

    /// @inheritdoc IStaking
    function unstake(uint32 operator, uint64 amount) external nonReentrant onlyOwner(operator) {
        // Check: only free stake thaws.
        Account storage o = _operators[operator];
        if (amount == 0) revert Staking_ZeroAmount();
        StakeParts parts = o.parts;
        if (amount > parts.free()) revert Staking_NotEnoughFree(operator, parts.free(), amount);

        // Effect: the clock of all that thaws restarts.
        uint40 thawEnds = uint40(block.timestamp) + THAW_PERIOD;
        parts = parts.thaw(amount);
        o.parts = parts;
        o.thawEnds = thawEnds;
        emit ThawStarted(operator, amount, parts.thawing(), thawEnds);
    }

    /// @inheritdoc IStaking
    function cancelThaw(uint32 operator) external nonReentrant onlyOwner(operator) {
        // Check: something thaws.
        Account storage o = _operators[operator];
        uint64 amount = o.parts.thawing();
        if (amount == 0) revert Staking_NothingThaws(operator);

        // Effect: all of it is free again.
        o.parts = o.parts.minusThawing(amount).plusFree(amount);
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

    // The Escrow's side. Neither function calls out, so it is enough that neither runs inside another entry.

    /// @inheritdoc IStaking
    function tryPledge(uint32 operator, uint64 amount) external onlyEscrow returns (bool ok) {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();

        // Check: an active provider with that much above what its roles keep back.
        Account storage o = _operators[operator];
        uint8 roles = o.roles;
        StakeParts parts = o.parts;
        uint64 free = parts.free();
        if (roles & Role.PROVIDER == 0 || free < MIN_PROVIDER) return false;
        uint64 kept = minimumStake(roles);
        if (amount > (free > kept ? free - kept : 0)) return false;

        // Effect: from free to pledged.
        o.parts = parts.pledge(amount);
        return true;
    }

    /// @inheritdoc IStaking
    function pledgeTerms(uint32 operator) external view returns (address owner, bool able, uint64 pledgeable) {
        Account storage o = _operators[operator];
        uint8 roles = o.roles;
        uint64 free = o.parts.free();
        uint64 kept = minimumStake(roles);
        return (o.owner, roles & Role.PROVIDER != 0 && free >= MIN_PROVIDER, free > kept ? free - kept : 0);
    }

    /// @inheritdoc IStaking
    function release(uint32 operator, uint64 amount) external onlyEscrow {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();

        // Effect: from pledged to free; no more than is pledged.
        Account storage o = _operators[operator];
        o.parts = o.parts.release(amount);
    }

    // Slashing

    /// @inheritdoc IStaking
    function slash(SlashOrder calldata order) external nonReentrant restricted returns (uint64 taken) {
        // Check: whoever may get a share has a name, and is not who decides.
        Account storage o = _operators[order.operator];
        if (o.owner == address(0)) revert Staking_UnknownOperator(order.operator);
        if (
            order.rewardBps > MAX_REWARD_BPS || (order.loss != 0 && order.victim == address(0))
                || (order.rewardBps != 0 && order.challenger == address(0)) || order.victim == msg.sender
                || order.challenger == msg.sender
        ) revert Staking_BadSlash();

        // Effect: take what there is, free stake first.
        StakeParts parts = o.parts;
        uint64 fromFree = uint64(Math.min(order.amount, parts.free()));
        uint64 fromThawing = uint64(Math.min(order.amount - fromFree, parts.thawing()));
        taken = fromFree + fromThawing;
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

    function _credit(address holder, uint64 amount) private {
        if (amount != 0) credits[holder] += amount;
    }

    function _keyId(uint32 operator, KeyKind kind, address key) private pure returns (uint256) {
        return uint256(operator) << 168 | uint256(kind) << 160 | uint160(key);
    }
}
