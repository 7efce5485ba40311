// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {InsuranceClaim} from "../types/DisputeTypes.sol";

/// @title Insurance pool: pays victims what a ruling found lost and no stake could cover
/// @notice Takes the insurance share of fees, and what slashes leave over. The Court files claims; cover is what the accused
/// operator's own fees brought in; a queue pays them, first in, first out.
///
/// Notes:
/// - Cover of an operator: of both fees of each of its closed agreements, once {count}ed, factor x the insurance share of
///   fees at that time, at most MAX_COVER_BPS, rounded down. The factor is 3 where the agreement's policy demands KYC_CUSTOMER
///   of the customer and KYC_PROVIDER of the operator, else 1.
/// - All claims of an operator together are never granted more than its cover. So whoever is provider and customer at once
///   gets back less than the fees that it paid for it.
/// - What a claim is not granted when it is filed waits, and is granted as more is counted, in the order of filing: of
///   agreements that were opened up to the filing, for GROWTH_TIME. What is opened later insures later victims.
/// - At most PAY_BPS of the pool's money leave it a day.
/// - The pool's money is what it holds beyond what it has credited; a donation is the pool's.
///
/// Trust: nobody has a role here, and nobody can take money out but the victims. The Court, an immutable, says what was lost.
interface IInsurancePool {
    /// @notice `amount` µ of fees arrived.
    event FeesReceived(uint256 amount);
    /// @notice `amount` µ of slashes arrived.
    event SlashesReceived(uint256 amount);
    /// @notice A closed agreement's fees were counted: the operator's cover rose by `cover` µ.
    event Counted(uint64 indexed agreement, uint32 indexed operator, uint256 fees, uint256 cover);
    /// @notice An agreement of a {count} is not closed, or was counted before.
    event CountSkipped(uint64 indexed agreement);
    /// @notice The Court filed a loss of `loss` µ.
    event ClaimFiled(uint64 indexed agreement, uint32 indexed operator, address indexed victim, uint64 loss);
    /// @notice Nothing was filed: there is a claim for the agreement already, no loss, or nobody who lost.
    event ClaimRefused(uint64 indexed agreement, uint32 indexed operator, address indexed victim, uint64 loss);
    /// @notice The operator's cover stands behind `amount` µ more of the claim: they will be paid.
    event ClaimGranted(uint64 indexed agreement, uint32 indexed operator, uint64 amount);
    /// @notice When it was filed, there was no cover for `amount` µ of the claim: they wait for more to be counted.
    event ClaimCapped(uint64 indexed agreement, uint32 indexed operator, uint64 amount);
    /// @notice `amount` µ of the claim were credited to `victim`.
    event ClaimPaid(uint64 indexed agreement, address indexed victim, uint64 amount);
    /// @notice A new day's payments began: at most `amount` µ.
    event EpochBegan(uint256 indexed day, uint256 amount);
    event CreditClaimed(address indexed holder, address indexed to, uint256 amount);

    error InsurancePool_ZeroAddress();
    /// @notice Thrown when the currency moved another amount than said (fee-on-transfer, rebasing).
    error InsurancePool_WrongAmountReceived(uint256 expected, uint256 received);
    error InsurancePool_NotCourt(address caller);
    error InsurancePool_TooManyItems(uint256 items);
    error InsurancePool_NothingToClaim(address holder);

    /// @notice Pulls the pool's credit from the fee splitter; 0 when there is none. Anyone.
    function pullFees() external returns (uint256 amount);
    /// @notice Pulls the pool's credits from slashes out of `Staking`; 0 when there are none. Anyone.
    function pullSlashes() external returns (uint256 amount);

    /// @notice Files what `victim` lost by `agreement` and nobody's stake gave back. Court only, once an agreement. Never
    /// reverts for want of money or of cover: what has none waits ({ClaimCapped}), what cannot be filed is told by
    /// {ClaimRefused}.
    /// @return granted µ for which there is cover already.
    function file(uint64 agreement, uint32 operator, address victim, uint64 loss) external returns (uint64 granted);
    /// @notice Counts the fees of closed agreements, at most 256, once each, and grants with them what claims wait for. Anyone.
    /// One that is not closed, or was counted, is told by {CountSkipped}; the others are counted.
    /// @return cover µ by which the cover of all operators rose.
    function count(uint64[] calldata agreements) external returns (uint256 cover);
    /// @notice Credits at most `n` (256) claims from the head of the queue what they were granted, the last one in part when
    /// the day's money ends. Anyone.
    /// @return paid µ credited; 0 when nothing is due or today's money is used up.
    function pay(uint256 n) external returns (uint256 paid);
    /// @notice Pays the caller's credits to `to`.
    function claimCredit(address to) external returns (uint256 amount);

    function CURRENCY() external view returns (address);
    function FEE_SPLITTER() external view returns (address);
    function STAKING() external view returns (address);
    function ESCROW() external view returns (address);
    function POLICY_BOOK() external view returns (address);
    function COURT() external view returns (address);
    /// @notice Seconds of an epoch of payments.
    function EPOCH() external view returns (uint256);
    /// @notice Share of the pool that an epoch pays at most.
    function PAY_BPS() external view returns (uint256);
    /// @notice Factor where both sides are known (KYC).
    function KYC_FACTOR() external view returns (uint256);
    /// @notice Share of fees that cover is at most, whatever factor and insurance share are.
    function MAX_COVER_BPS() external view returns (uint256);
    /// @notice Seconds for which a claim grows.
    function GROWTH_TIME() external view returns (uint256);
    /// @notice µ of fees ever pulled.
    function feesReceived() external view returns (uint256);
    /// @notice µ of slashes ever pulled.
    function slashesReceived() external view returns (uint256);
    /// @notice µ that are the pool's: what it holds beyond credits.
    function money() external view returns (uint256);
    /// @notice µ that can be paid out now, were they due: what today has left, or 5 % when today has paid nothing.
    function payableNow() external view returns (uint256);
    /// @notice What `operator` insures. @return cover µ counted, ever. @return granted µ of it that claims were granted.
    function coverOf(uint32 operator) external view returns (uint256 cover, uint256 granted);
    /// @notice The claim on `agreement`; all zero when there is none.
    function claimOf(uint64 agreement) external view returns (InsuranceClaim memory);
    /// @notice Whether the fees of the agreement of this number's order of opening (its upper half) were counted.
    function isCounted(uint64 agreement) external view returns (bool);
    /// @notice Claims on `operator` that were filed without cover for all of their loss, by their agreements, in the order of
    /// filing. @return agreements Of them those from number `first` on, at most `n`. @return next The first that still grows.
    function waitingOf(uint32 operator, uint256 first, uint256 n)
        external
        view
        returns (uint64[] memory agreements, uint256 next);
    /// @notice The queue. @return length Claims in it. @return due µ that they were granted and not yet paid.
    function queue() external view returns (uint256 length, uint256 due);
    /// @notice The agreement whose claim has `place` in the queue; 0 is paid next.
    function queued(uint256 place) external view returns (uint64 agreement);
    /// @notice µ that `holder` can claim.
    function credits(address holder) external view returns (uint256);
    /// @notice µ of all unclaimed credits.
    function totalCredits() external view returns (uint256);
}
