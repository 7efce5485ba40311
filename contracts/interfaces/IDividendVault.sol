// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ClaimSkip} from "../types/RewardTypes.sol";

/// @title Dividends in the currency for staked TALLY
/// @notice Fees pulled in week w (unix time / 604 800) stream evenly over week w + 1 to those who are staked, second by
/// second. What streams while nobody stakes is carried into the following week's stream. The accumulator is scaled by
/// 1e36, remainders are carried. Nobody can take what is owed; no exit is pausable or behind a role.
///
/// Notes:
/// - Streamed by second x of a week: floor(S * x / 604 800), cumulative, so a week's stream is paid to the last µ.
/// - A staker's earnings are kept exactly, in 1e-36 µ; only what is paid out is floored, so often claiming costs nothing.
/// - Money that arrives other than by {pullFees} is nobody's, and distorts nothing.
/// - At most 2^64 - 1 µ of fees are taken in all (18 trillion), which makes every sum here fit by construction.
///
/// Trust: there is no role, no owner and no parameter to change.
interface IDividendVault {
    event Staked(address indexed staker, uint256 amount);
    /// @notice TALLY stopped earning and can be withdrawn from `unlocksAt` on (the clock covers all that is leaving).
    event ExitStarted(address indexed staker, uint256 amount, uint40 unlocksAt);
    event Withdrawn(address indexed staker, address indexed to, uint256 amount);
    event Claimed(address indexed staker, address indexed to, uint256 amount);
    /// @notice Anyone may have the staker's dividends sent to `payout` by {claimFor}; zero: nobody but the staker claims.
    event PayoutSet(address indexed staker, address indexed payout);
    /// @notice {claimFor} left a staker out, and why. Its dividends stay owed.
    event ClaimSkipped(address indexed staker, ClaimSkip reason);
    /// @notice `amount` µ of fees arrived in `week`; they stream over week + 1.
    event FeesReceived(uint256 indexed week, uint256 amount);
    /// @notice `amount` µ streamed while nobody was staked; they stream again over week + 1. Of several weeks without an update
    /// whose whole stream wandered on, only the last is told.
    event Carried(uint256 indexed week, uint256 amount);

    /// @notice Thrown when a staker would hold less than 1e18 TALLY-wei staked, but not zero, or is given less by somebody else.
    error DividendVault_BelowMinimum(uint256 staked);
    error DividendVault_NotEnoughStaked(uint256 staked, uint256 wanted);
    error DividendVault_ZeroAmount();
    error DividendVault_ZeroAddress();
    error DividendVault_NothingToClaim(address staker);
    error DividendVault_NothingToWithdraw(address staker);
    error DividendVault_StillLocked(address staker, uint40 unlocksAt);
    /// @notice Thrown when a call names more than {MAX_ITEMS} stakers.
    error DividendVault_TooManyItems(uint256 items);
    /// @notice Thrown when a token moved another amount than asked (fee-on-transfer, rebasing).
    error DividendVault_WrongAmountReceived(uint256 expected, uint256 received);
    /// @notice Thrown by the constructor: the currency has no code or more than 6 decimals, or is the staked token.
    error DividendVault_UnfitCurrency(address currency);

    /// @notice Stakes `amount` TALLY-wei of the caller; earns from this second on.
    function stake(uint256 amount) external;
    /// @notice As {stake}, with an ERC-2612 permit of the caller for this contract. A permit that somebody carried before is no
    /// hindrance: what counts is the allowance.
    function stakeWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
    /// @notice Stakes `amount` TALLY-wei of the caller for `staker`, to whom they belong from now on. At least 1e18 for somebody
    /// else, so that no gift can leave too little behind an {unstake} of all.
    function stakeFor(address staker, uint256 amount) external;
    /// @notice Stops `amount` TALLY-wei earning at once; {withdraw} after EXIT_DELAY. A further call restarts the delay of all that leaves.
    function unstake(uint256 amount) external;
    /// @notice Sends what has left to `to`, after its delay.
    function withdraw(address to) external returns (uint256 amount);
    /// @notice Sends the caller's dividends, in µ, to `to`.
    function claim(address to) external returns (uint256 amount);
    /// @notice Lets anyone have the caller's dividends sent to `payout` by {claimFor}; zero takes it back.
    function setPayout(address payout) external;
    /// @notice Sends the dividends of stakers to the payout address that each has set. Anyone. One that has set none, is owed
    /// nothing, or whose address the currency refuses is left out, and keeps what it is owed. Named twice is named once. @return amount µ sent.
    function claimFor(address[] calldata stakers) external returns (uint256 amount);
    /// @notice Pulls the vault's credit from the fee splitter into the stream of next week; 0 when there is none. Anyone.
    function pullFees() external returns (uint256 amount);

    function CURRENCY() external view returns (address);
    function TOKEN() external view returns (address);
    function FEE_SPLITTER() external view returns (address);
    /// @notice Seconds between {unstake} and {withdraw}.
    function EXIT_DELAY() external view returns (uint40);
    function MAX_ITEMS() external view returns (uint256);
    /// @notice TALLY-wei that earn now, of all stakers.
    function totalStaked() external view returns (uint256);
    /// @notice TALLY-wei of `staker` that earn now.
    function stakedOf(address staker) external view returns (uint256);
    /// @notice TALLY-wei of `staker` that left, and when they can be withdrawn; zero when nothing left.
    function exitingOf(address staker) external view returns (uint256 amount, uint40 unlocksAt);
    /// @notice µ that `staker` could claim now (floored).
    function claimable(address staker) external view returns (uint256);
    /// @notice Where {claimFor} sends the dividends of `staker`; zero: nowhere.
    function payoutOf(address staker) external view returns (address);
    /// @notice µ that `staker` has ever earned (floored) and ever claimed.
    function lifetimeOf(address staker) external view returns (uint256 earned, uint256 claimed);
    /// @notice µ that streamed while nobody was staked and stream again, of all weeks; what streams twice idle counts twice.
    function totalCarried() external view returns (uint256);
    /// @notice µ that stream over this week; µ received (or carried) this week, to stream over the next.
    function stream() external view returns (uint256 thisWeek, uint256 nextWeek);
    /// @notice µ ever received from fees, and µ ever claimed.
    function totals() external view returns (uint256 received, uint256 claimed);
}
