// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HardwareClass, KeyKind, KeyValidity, Operator, SlashOrder, SlashOutcome} from "../types/StakingTypes.sol";

/// @title Collateral of providers, verifiers and relayers
/// @notice stake = free + pledged + reserved + thawing, in the currency, per operator. Operators are numbered from 1.
/// Exits (`unstake`, `withdraw`, `claimCredit`) are never pausable and never behind a role.
///
/// Notes:
/// - {tryPledge} and {release} emit nothing: the Escrow's `Opened`, `Closed`, `PledgeStuck` and `PledgeReleased` rebuild
///   free and pledged, since a pledge is always ceil(budget * coverage of the policy).
/// - The currency moves exactly what it is asked to, or the call reverts; tokens that rebase or call back are unfit.
///
/// Trust: the slashing role can take free and thawing stake, never credits, nor pledged stake but through the Escrow, which
/// closes the agreement with it; it cannot name itself as a receiver. Nobody else can touch an operator's stake, and nobody
/// can change a parameter.
interface IStaking {
    event Registered(
        uint32 indexed operator,
        address indexed owner,
        uint8 roles,
        HardwareClass hardwareClass,
        uint16 region,
        uint32 source,
        bytes32 metadata
    );
    event Staked(uint32 indexed operator, address indexed from, uint64 amount);
    /// @notice `thawing` is the whole thawing part; its clock restarted.
    event ThawStarted(uint32 indexed operator, uint64 amount, uint64 thawing, uint40 thawEnds);
    event ThawCancelled(uint32 indexed operator, uint64 amount);
    event Withdrawn(uint32 indexed operator, address indexed to, uint64 amount);
    event Slashed(
        uint32 indexed operator,
        uint16 indexed reason,
        uint64 fromFree,
        uint64 fromThawing,
        address victim,
        uint64 toVictim,
        address challenger,
        uint64 toChallenger,
        uint64 toInsurance
    );
    event CreditClaimed(address indexed holder, address indexed to, uint256 amount);
    event KeyAuthorised(uint32 indexed operator, KeyKind indexed kind, address indexed key, uint40 validFrom);
    event KeyRevoked(uint32 indexed operator, KeyKind indexed kind, address indexed key, uint40 revokedAt);
    event SignerThresholdSet(uint32 indexed operator, uint8 threshold);

    /// @notice Thrown when the caller does not own the operator.
    error Staking_NotOwner(uint32 operator, address caller);
    /// @notice Thrown when the caller is not the Escrow.
    error Staking_NotEscrow(address caller);
    error Staking_UnknownOperator(uint32 operator);
    /// @notice Thrown when a role mask is empty or has unknown bits, or a class does not fit the roles.
    error Staking_BadRegistration();
    error Staking_ZeroAmount();
    error Staking_ZeroAddress();
    /// @notice Thrown when more is asked than is free.
    error Staking_NotEnoughFree(uint32 operator, uint64 free, uint64 wanted);
    error Staking_NothingThaws(uint32 operator);
    error Staking_StillThawing(uint32 operator, uint40 thawEnds);
    error Staking_NothingToClaim(address holder);
    /// @notice Thrown when the currency moved another amount than asked (fee-on-transfer, rebasing).
    error Staking_WrongAmountReceived(uint256 expected, uint256 received);
    error Staking_KeyUnknown(uint32 operator, KeyKind kind, address key);
    /// @notice Thrown when the key was authorised before, revoked or not.
    error Staking_KeyAlreadyAuthorised(uint32 operator, KeyKind kind, address key);
    /// @notice Thrown when the key is revoked, or its revocation runs, already.
    error Staking_KeyAlreadyRevoked(uint32 operator, KeyKind kind, address key, uint40 revokedAt);
    error Staking_BadThreshold(uint8 threshold);
    /// @notice Thrown by the constructor when the thaw is not longer than every liability plus the longest pause.
    error Staking_ThawTooShort(uint256 thaw, uint256 needed);
    /// @notice Thrown by the constructor: the currency has no code or more than 6 decimals.
    error Staking_UnfitCurrency(address currency);
    /// @notice Thrown when a slash names no receiver for a share, or a reward above 3 000 bps.
    error Staking_BadSlash();

    /// @notice Registers the caller as the owner of a new operator. A provider names its hardware class; others use NONE.
    function register(uint8 roles, HardwareClass hardwareClass, uint16 region, uint32 source, bytes32 metadata)
        external
        returns (uint32 operator);
    /// @notice Adds `amount` µ, pulled from the caller, to the free stake of `operator`. Anyone may add; only the owner takes out.
    function stake(uint32 operator, uint64 amount) external;
    /// @notice Starts to thaw `amount` µ of free stake. One rolling thaw: asking for more restarts the clock of all of it.
    function unstake(uint32 operator, uint64 amount) external;
    /// @notice Turns everything that thaws back into free stake.
    function cancelThaw(uint32 operator) external;
    /// @notice Pays what has thawed to `to`. Owner only, after `thawEnds`.
    function withdraw(uint32 operator, address to) external returns (uint64 amount);
    /// @notice Pays the caller's credits from slashes to `to`.
    function claimCredit(address to) external returns (uint256 amount);

    /// @notice Lets `key` sign for `operator` from now on. A revoked key can never come back.
    function authoriseKey(uint32 operator, KeyKind kind, address key) external;
    /// @notice Revokes a key: DEVICE after KEY_REVOCATION_DELAY (what is in flight stays good), VERIFIER and SIGNER at once.
    function revokeKey(uint32 operator, KeyKind kind, address key) external;
    /// @notice Sets how many signer keys must sign a batch, at least 1.
    function setSignerThreshold(uint32 operator, uint8 threshold) external;

    /// @notice Moves `amount` µ from free to pledged for an opening. Escrow only.
    /// @return ok False, with nothing changed, when the operator is no active provider or its free stake above the
    /// highest minimum of its roles is less than `amount`.
    function tryPledge(uint32 operator, uint64 amount) external returns (bool ok);
    /// @notice What openings need, in one read.
    /// @return owner Zero when unknown.
    /// @return able Whether it is an active provider, so that it can pledge at all.
    /// @return pledgeable µ of free stake above the highest minimum of its roles; {tryPledge} grants so much.
    function pledgeTerms(uint32 operator) external view returns (address owner, bool able, uint64 pledgeable);
    /// @notice Moves `amount` µ from pledged back to free; what a self-post's bond took of it becomes free when the bond returns.
    /// Escrow only.
    function release(uint32 operator, uint64 amount) external;
    /// @notice Slashes free, then thawing stake; takes what there is, never reverts for want of stake. Court and
    /// Challenges only, which are immutables: nobody has or gets this right by a role.
    /// toVictim = min(taken, loss); toChallenger = min(taken - toVictim, ceil(taken * rewardBps / 1e4)); the rest to insurance.
    function slash(SlashOrder calldata order) external returns (SlashOutcome memory);

    function CURRENCY() external view returns (address);
    function ESCROW() external view returns (address);
    /// @notice Seconds that stake thaws; longer than every liability plus the longest pause.
    function THAW_PERIOD() external view returns (uint40);
    /// @notice Seconds for which a revoked DEVICE key stays good.
    function KEY_REVOCATION_DELAY() external view returns (uint40);
    /// @notice Who is credited what a slash leaves over.
    function INSURANCE() external view returns (address);
    /// @notice How many operators there are; the newest has this number.
    function count() external view returns (uint32);
    function get(uint32 operator) external view returns (Operator memory);
    /// @notice Owner of `operator`, zero when unknown.
    function ownerOf(uint32 operator) external view returns (address);
    /// @notice µ of minimum stake for the highest of `roles`.
    function minimumStake(uint8 roles) external view returns (uint64);
    /// @notice Whether `operator` has `role` and its free stake reaches that role's minimum.
    function isActive(uint32 operator, uint8 role) external view returns (bool);
    /// @notice What posting needs, in one read.
    function postingTerms(uint32 operator) external view returns (bool active, uint64 free, uint8 signerThreshold);
    function keyValidity(uint32 operator, KeyKind kind, address key) external view returns (KeyValidity memory);
    /// @notice Whether `key` is good at `time`: validFrom <= time, and time < revokedAt unless that is 0.
    function isKeyValid(uint32 operator, KeyKind kind, address key, uint40 time) external view returns (bool);
    /// @notice µ that `holder` can claim from slashes.
    function credits(address holder) external view returns (uint256);
    /// @notice Sum of all stakes (free + pledged + reserved + thawing) in µ.
    function totalStake() external view returns (uint256);
    /// @notice Sum of all unclaimed credits in µ.
    function totalCredits() external view returns (uint256);
}
