// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IStakeReserves} from "../interfaces/IStakeReserves.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {HardwareClass, Role} from "../types/StakingTypes.sol";
import {StakeParts} from "./StakeParts.sol";

/// @notice What `Staking` is built from.
/// @param authority AccessManager in front of {IOperatorRegistry-recoverSurplus}.
/// @param currency The stablecoin; at most 6 decimals.
/// @param escrow The only caller of {IStaking-tryPledge}, {IStaking-release} and {IStakeReserves-slashPledge}.
/// @param ledger The ReceiptLedger, which reserves stake.
/// @param court The Court, which slashes, and reserves the bonds of proposals.
/// @param challenges The Challenges, which slash.
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
    address ledger;
    address court;
    address challenges;
    address insurance;
    uint40 thawPeriod;
    uint40 maxLiability;
    uint40 maxPause;
    uint40 keyRevocationDelay;
    uint64 minProvider;
    uint64 minVerifier;
    uint64 minRelayer;
}

/// @title What all parts of `Staking` share
/// @notice Storage, immutables, and who may call.
abstract contract StakingBase is IStaking, IStakeReserves, AccessManaged, ReentrancyGuardTransient {
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
        uint64 pledgeBonds; // µ of pledges that self-posts moved to reserved, and that go back to pledged
        // slot 3
        bytes32 metadata;
    }

    /// @dev Sums over all operators, in µ.
    struct Totals {
        uint128 stake;
        uint128 credits;
    }

    /// @inheritdoc IStaking
    address public immutable CURRENCY;
    /// @inheritdoc IStaking
    address public immutable ESCROW;
    /// @inheritdoc IStakeReserves
    address public immutable LEDGER;
    /// @inheritdoc IStakeReserves
    address public immutable COURT;
    /// @inheritdoc IStakeReserves
    address public immutable CHALLENGES;
    /// @inheritdoc IStaking
    address public immutable INSURANCE;
    /// @inheritdoc IStaking
    uint40 public immutable THAW_PERIOD;
    /// @inheritdoc IStaking
    uint40 public immutable KEY_REVOCATION_DELAY;
    uint64 internal immutable MIN_PROVIDER;
    uint64 internal immutable MIN_VERIFIER;
    uint64 internal immutable MIN_RELAYER;

    Totals internal _totals;
    mapping(uint32 operator => Account) internal _operators;
    /// @inheritdoc IStaking
    mapping(address holder => uint256) public credits;

    constructor(StakingParameters memory p) AccessManaged(p.authority) {
        if (
            p.authority == address(0) || p.escrow == address(0) || p.ledger == address(0) || p.court == address(0)
                || p.challenges == address(0) || p.insurance == address(0)
        ) revert Staking_ZeroAddress();
        if (p.currency.code.length == 0 || IERC20Metadata(p.currency).decimals() > 6) {
            revert Staking_UnfitCurrency(p.currency);
        }
        // A thaw outlasts everything that could still reach the stake that thaws.
        uint256 needed = uint256(p.maxLiability) + p.maxPause + 1;
        if (p.thawPeriod < needed) revert Staking_ThawTooShort(p.thawPeriod, needed);

        CURRENCY = p.currency;
        ESCROW = p.escrow;
        LEDGER = p.ledger;
        COURT = p.court;
        CHALLENGES = p.challenges;
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
    function totalStake() external view returns (uint256) {
        return _totals.stake;
    }

    /// @inheritdoc IStaking
    function totalCredits() external view returns (uint256) {
        return _totals.credits;
    }

    /// @dev µ of free stake above what the roles keep back.
    function _spare(StakeParts parts, uint8 roles) internal view returns (uint64) {
        uint64 free = parts.free();
        uint64 kept = minimumStake(roles);
        return free > kept ? free - kept : 0;
    }

    /// @dev From stake to a credit; the caller took `amount` from the parts.
    function _credit(address holder, uint64 amount) internal {
        if (amount != 0) credits[holder] += amount;
    }

    function _balance() internal view returns (uint256) {
        return IERC20(CURRENCY).balanceOf(address(this));
    }
}
