// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title TALLY for early suppliers, by the fees that their final work brought
/// @notice A checkpoint counts an account's new fees: `rewardBase - overturned` of the Escrow, less what was counted before.
/// Fees of number F, F + 1, … of all fees ever counted earn rate(F) = R0 / 2^floor(F / L) TALLY-wei a µ each, so all of it is
/// less than 2 x R0 x L. What was counted on a day vests second by second over {VESTING} seconds from the next midnight (UTC)
/// on. Nothing is minted before somebody claims it.
///
/// Notes:
/// - Of all accounts together at most {DAILY_FEES} µ count on a day; what does not fit waits, first come, first counted. The
///   rate never rises, so fees that wait never bring more for it. On a day that fills up whoever is counted first goes before
///   the others.
/// - For fees of work that is ruled bad later as many leave, the newest that count, whole: what was not paid of their reward is
///   forfeited, what was paid is set off against what the account earns later. Forfeited rewards are never minted, and F keeps
///   them. They leave before anything new counts, also when the bad ones themselves had not counted yet: so a late checkpoint
///   keeps neither rate nor vesting for them. Bad ones that never counted use up no number F.
/// - An account without an owner, a split, is claimed by its members in proportion to their weights.
/// - Emission is floored per µ (R0 / 2^k in whole TALLY-wei), vesting in whole TALLY-wei an account, shares a member.
///
/// Trust: the role may lower R0 for fees not yet counted, and nothing else. Nobody can raise it, mint otherwise, pause a claim
/// or touch what is owed. No entry here is called by a payment, and none calls the currency.
interface ISupplierRewards {
    /// @notice `fees` µ more of an account count, on `day` (unix time / 86 400), and bring `amount` TALLY-wei.
    event Checkpointed(uint32 indexed account, uint256 indexed day, uint256 fees, uint256 amount);
    /// @notice The day was full: `waiting` µ of an account do not count yet.
    event CheckpointCapped(uint32 indexed account, uint256 indexed day, uint256 waiting);
    /// @notice For work ruled bad `fees` µ, the newest, count no more; `amount` TALLY-wei that they had brought are not owed.
    event Forfeited(uint32 indexed account, uint256 fees, uint256 amount);
    event RewardsClaimed(uint32 indexed account, address indexed to, uint256 amount);
    event RewardShareClaimed(uint32 indexed account, uint256 indexed index, address indexed to, uint256 amount);
    /// @notice Fees counted from now on earn from this R0, in TALLY-wei a µ.
    event RateLowered(uint64 rate);

    /// @notice Thrown when the caller is not the owner of an account.
    error SupplierRewards_NotOwner(uint32 account, address caller);
    /// @notice Thrown when the caller is not that member of the split.
    error SupplierRewards_NotMember(uint32 account, uint256 index, address caller);
    /// @notice Thrown when members and weights are not those of the account.
    error SupplierRewards_WrongSplit(uint32 account);
    /// @notice Thrown when nothing has vested that was not claimed.
    error SupplierRewards_NothingToClaim();
    /// @notice Thrown when a call names more than {MAX_ITEMS} accounts.
    error SupplierRewards_TooManyItems(uint256 items);
    error SupplierRewards_RateNotLower(uint64 rate, uint64 wanted);
    error SupplierRewards_ZeroAddress();
    /// @notice Thrown by the constructor: R0, L, D or the vesting time is zero, D is above L, the
    /// vesting time longer than 3 650 days, or 2 x R0 x L above the token's cap.
    error SupplierRewards_UnfitSchedule();
    /// @notice Thrown by the constructor: the token does not exist yet, has another minter, or is not what the vault stakes.
    error SupplierRewards_UnfitToken(address token);

    /// @notice Forfeits what was overturned of accounts, then counts their new fees, in their order. Anyone. Accounts with nothing
    /// new are passed over.
    /// @return fees µ that count now.
    /// @return amount TALLY-wei that they bring.
    function checkpoint(uint32[] calldata accounts) external returns (uint256 fees, uint256 amount);
    /// @notice Mints what has vested for accounts of the caller to `to`, after a checkpoint of them. @return amount TALLY-wei.
    function claim(uint32[] calldata accounts, address to) external returns (uint256 amount);
    /// @notice As {claim}, and stakes it in the dividend vault for `staker`.
    function claimAndStake(uint32[] calldata accounts, address staker) external returns (uint256 amount);
    /// @notice Mints member `index` of a split its share of what has vested to `to`. That member only.
    function claimShare(
        uint32 account,
        uint256 index,
        address[] calldata members,
        uint32[] calldata weights,
        address to
    ) external returns (uint256 amount);
    /// @notice Lowers R0, in TALLY-wei a µ, for fees not yet counted. Behind a role.
    function lowerRate(uint64 rate) external;

    function ESCROW() external view returns (address);
    function TOKEN() external view returns (address);
    function DIVIDEND_VAULT() external view returns (address);
    /// @notice L: µ of fees after which the rate halves.
    function HALVING() external view returns (uint64);
    /// @notice D: µ of fees that count on one day, of all accounts.
    function DAILY_FEES() external view returns (uint64);
    /// @notice Seconds over which a reward vests.
    function VESTING() external view returns (uint40);
    function MAX_ITEMS() external view returns (uint256);
    /// @notice TALLY-wei a µ that the next fee earns, R0, µ ever counted, and µ that still count today.
    function schedule() external view returns (uint256 rate, uint256 firstRate, uint256 counted, uint256 leftToday);
    /// @notice TALLY-wei ever credited by checkpoints, forfeited, and minted.
    function totals() external view returns (uint256 credited, uint256 forfeited, uint256 minted);
    /// @notice TALLY-wei that the owner of `account`, or all members of a split together, could claim now. Once a member was paid
    /// more than its share of what a ruling let stand, the others can claim more than this: see {claimableShare}.
    function claimable(uint32 account) external view returns (uint256);
    /// @notice As {claimable}, of one member.
    function claimableShare(uint32 account, uint256 index, uint32[] calldata weights) external view returns (uint256);
    /// @notice TALLY-wei that member `index` of a split has claimed, ever.
    function shareClaimed(uint32 account, uint256 index) external view returns (uint256);
    /// @notice An account's life so far, as if it were checkpointed for what was overturned.
    /// @return fees µ that count.
    /// @return waiting µ that a checkpoint would find.
    /// @return credited TALLY-wei that `fees` brought.
    /// @return vested TALLY-wei of it that have vested.
    /// @return claimed TALLY-wei, ever.
    function lifetimeOf(uint32 account)
        external
        view
        returns (uint256 fees, uint256 waiting, uint256 credited, uint256 vested, uint256 claimed);
    /// @notice What fees of numbers `start` to `start + fees - 1` earn at `firstRate`, in TALLY-wei: the rate integrated.
    function emission(uint256 firstRate, uint256 start, uint256 fees) external view returns (uint256);
}
