// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IFeeSplitter} from "../interfaces/IFeeSplitter.sol";
import {IInsurancePool} from "../interfaces/IInsurancePool.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {Fees} from "../libraries/Fees.sol";
import {InsuranceClaim} from "../types/DisputeTypes.sol";
import {InsuranceClaims} from "./InsuranceClaims.sol";

/// @title InsurancePool
/// @notice See {IInsurancePool}.
/// @dev The currency held is at least `totalCredits`; what is beyond it is the pool's, and pays claims.
contract InsurancePool is InsuranceClaims {
    using SafeERC20 for IERC20;

    /// @dev The day of the last payment, and what of its money is left.
    struct Epoch {
        uint32 day;
        uint128 left;
    }

    /// @inheritdoc IInsurancePool
    uint256 public constant EPOCH = 1 days;
    /// @inheritdoc IInsurancePool
    uint256 public constant PAY_BPS = 500;

    address public immutable CURRENCY;
    address public immutable STAKING;

    /// @inheritdoc IInsurancePool
    uint256 public feesReceived;
    /// @inheritdoc IInsurancePool
    uint256 public slashesReceived;
    /// @inheritdoc IInsurancePool
    mapping(address holder => uint256) public credits;
    /// @inheritdoc IInsurancePool
    uint256 public totalCredits;
    Epoch private _epoch;

    constructor(
        address currency,
        address feeSplitter,
        address staking,
        address escrow,
        address policyBook,
        address court
    ) InsuranceClaims(feeSplitter, escrow, policyBook, court) {
        if (currency == address(0) || staking == address(0)) revert InsurancePool_ZeroAddress();
        CURRENCY = currency;
        STAKING = staking;
    }

    // User reads

    /// @inheritdoc IInsurancePool
    function money() public view returns (uint256) {
        return _balance() - totalCredits;
    }

    /// @inheritdoc IInsurancePool
    function payableNow() external view returns (uint256) {
        Epoch memory epoch = _epoch;
        return epoch.day == block.timestamp / EPOCH ? epoch.left : Fees.shareDown(money(), PAY_BPS);
    }

    // User writes

    /// @inheritdoc IInsurancePool
    function pullFees() external nonReentrant returns (uint256 amount) {
        // Interaction: take the credit.
        uint256 before = _balance();
        amount = IFeeSplitter(FEE_SPLITTER).pull();
        _checkReceived(before, amount);

        // Effect: count it.
        if (amount == 0) return 0;
        feesReceived += amount;
        emit FeesReceived(amount);
    }

    /// @inheritdoc IInsurancePool
    function pullSlashes() external nonReentrant returns (uint256 amount) {
        if (IStaking(STAKING).credits(address(this)) == 0) return 0;

        // Interaction: take the credit.
        uint256 before = _balance();
        amount = IStaking(STAKING).claimCredit(address(this));
        _checkReceived(before, amount);

        // Effect: count it.
        slashesReceived += amount;
        emit SlashesReceived(amount);
    }

    /// @inheritdoc IInsurancePool
    function pay(uint256 n) external nonReentrant returns (uint256 paid) {
        // Check
        if (n > MAX_ITEMS) revert InsurancePool_TooManyItems(n);
        (uint256 head, uint256 tail) = (_head, _tail);
        if (n == 0 || head == tail) return 0;
        // Effect: the day's first payment measures what the day may pay, rounded down.
        uint256 left = _leftToday();
        for (uint256 i = 0; i < n && head < tail && left > 0; ++i) {
            uint64 agreement = _queue[head];
            InsuranceClaim storage claim = _claims[agreement];
            uint256 due = claim.granted - claim.paid;
            uint256 amount = due < left ? due : left;
            if (amount == due) {
                claim.queued = false;
                delete _queue[head];
                ++head;
            }
            claim.paid += uint64(amount); // at most `due`
            credits[claim.victim] += amount;
            (paid, left) = (paid + amount, left - amount);
            emit ClaimPaid(agreement, claim.victim, uint64(amount));
        }
        if (paid == 0) return 0;
        _head = head;
        totalCredits += paid;
        _totals.paid += uint128(paid); // at most what was granted
        _epoch.left = uint128(left); // at most what it was
    }

    /// @inheritdoc IInsurancePool
    function claimCredit(address to) external nonReentrant returns (uint256 amount) {
        // Check
        if (to == address(0)) revert InsurancePool_ZeroAddress();
        amount = credits[msg.sender];
        if (amount == 0) revert InsurancePool_NothingToClaim(msg.sender);
        // Effect
        credits[msg.sender] = 0;
        totalCredits -= amount;
        emit CreditClaimed(msg.sender, to, amount);
        // Interaction
        IERC20(CURRENCY).safeTransfer(to, amount);
    }

    // Private

    /// @dev µ that today may still pay; measures them when today has paid nothing yet.
    function _leftToday() private returns (uint256 left) {
        uint256 day = block.timestamp / EPOCH;
        if (_epoch.day == day) return _epoch.left;
        left = Fees.shareDown(money(), PAY_BPS);
        if (left == 0) return 0;
        _epoch = Epoch({day: uint32(day), left: uint128(left)}); // a part of the currency's supply
        emit EpochBegan(day, left);
    }

    function _balance() private view returns (uint256) {
        return IERC20(CURRENCY).balanceOf(address(this));
    }

    function _checkReceived(uint256 before, uint256 amount) private view {
        uint256 received = _balance() - before;
        if (received != amount) revert InsurancePool_WrongAmountReceived(amount, received);
    }
}
