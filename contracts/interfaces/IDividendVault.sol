// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Dividends in the currency for staked TALLY
/// @notice Fees pulled in week w (unix time / 604 800) stream evenly over week w + 1 to those who are staked, second by
/// second. What streams while nobody stakes is carried into the following week's stream. The accumulator is scaled by
/// 1e36, remainders are carried. Nobody can take what is owed; no exit is pausable or behind a role.
interface IDividendVault {
    event Staked(address indexed staker, uint256 amount);
    /// @notice TALLY stopped earning and can be withdrawn from `unlocksAt` on (the clock covers all that is leaving).
    event ExitStarted(address indexed staker, uint256 amount, uint40 unlocksAt);
    event Withdrawn(address indexed staker, address indexed to, uint256 amount);
    event Claimed(address indexed staker, address indexed to, uint256 amount);
    /// @notice `amount` µ of fees arrived in `week`; they stream over week + 1.
    event FeesReceived(uint256 indexed week, uint256 amount);
    /// @notice `amount` µ streamed while nobody was staked; they stream again over week + 1.
    event Carried(uint256 indexed week, uint256 amount);

    /// @notice Thrown when a staker would hold less than 1e18 TALLY-wei staked, but not zero.
    error DividendVault_BelowMinimum(uint256 staked);
    error DividendVault_NotEnoughStaked(uint256 staked, uint256 wanted);
    error DividendVault_ZeroAmount();
    error DividendVault_ZeroAddress();
    error DividendVault_NothingToClaim(address staker);
    error DividendVault_NothingToWithdraw(address staker);
    error DividendVault_StillLocked(address staker, uint40 unlocksAt);

    /// @notice Stakes `amount` TALLY-wei of the caller; earns from this second on.
    function stake(uint256 amount) external;
    /// @notice Stops `amount` TALLY-wei earning at once; {withdraw} after EXIT_DELAY. A further call restarts the delay of all that leaves.
    function unstake(uint256 amount) external;
    /// @notice Sends what has left to `to`, after its delay.
    function withdraw(address to) external returns (uint256 amount);
    /// @notice Sends the caller's dividends, in µ, to `to`.
    function claim(address to) external returns (uint256 amount);
    /// @notice Pulls the vault's credit from the fee splitter into the stream of next week. Anyone.
    function pullFees() external returns (uint256 amount);

    function EXIT_DELAY() external view returns (uint40);
    function totalStaked() external view returns (uint256);
    function stakedOf(address staker) external view returns (uint256);
    function exitingOf(address staker) external view returns (uint256 amount, uint40 unlocksAt);
    /// @notice µ that `staker` could claim now (floored).
    function claimable(address staker) external view returns (uint256);
    /// @notice µ that stream over this week; µ received (or carried) this week, to stream over the next.
    function stream() external view returns (uint256 thisWeek, uint256 nextWeek);
    /// @notice µ ever received from fees, and µ ever claimed.
    function totals() external view returns (uint256 received, uint256 claimed);
}
