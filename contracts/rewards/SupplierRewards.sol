// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDividendVault} from "../interfaces/IDividendVault.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IEscrowExtension} from "../interfaces/IEscrowExtension.sol";
import {IEscrowRulings} from "../interfaces/IEscrowRulings.sol";
import {ISupplierRewards} from "../interfaces/ISupplierRewards.sol";
import {Emission} from "../libraries/Emission.sol";
import {Grant, History, RewardHistory} from "./RewardHistory.sol";
import {TallyToken} from "./TallyToken.sol";

/// @notice What `SupplierRewards` is built from.
/// @param authority AccessManager in front of {ISupplierRewards-lowerRate}.
/// @param escrow Says what fees each account's final work brought.
/// @param token TALLY; exists already, and names this contract as its minter.
/// @param dividendVault Exists already, and stakes that token.
/// @param rate R0, in TALLY-wei a µ.
/// @param halving L, in µ.
/// @param dailyFees D, in µ.
/// @param vesting Seconds.
struct SupplierRewardsParameters {
    address authority;
    address escrow;
    address token;
    address dividendVault;
    uint64 rate;
    uint64 halving;
    uint64 dailyFees;
    uint40 vesting;
}

/// @title SupplierRewards
/// @notice See {ISupplierRewards}.
/// @dev Why it all fits: 2 * R0 * L is at most the token's cap, so below 2^128; fees below 2^96 (an Escrow's currency); days in
/// 32 bits. D is at most L, so a checkpoint crosses at most one halving.
contract SupplierRewards is ISupplierRewards, AccessManaged, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using RewardHistory for History;

    /// @dev One slot.
    struct Schedule {
        uint64 rate; // R0, TALLY-wei a µ
        uint96 counted; // F, µ
        uint32 day; // the last on which fees counted
        uint64 today; // µ that counted on it
    }

    uint256 public constant MAX_ITEMS = 200;

    address public immutable ESCROW;
    address public immutable TOKEN;
    address public immutable DIVIDEND_VAULT;
    /// @inheritdoc ISupplierRewards
    uint64 public immutable HALVING;
    /// @inheritdoc ISupplierRewards
    uint64 public immutable DAILY_FEES;
    /// @inheritdoc ISupplierRewards
    uint40 public immutable VESTING;

    Schedule private _schedule;
    uint128 private _credited; // TALLY-wei, ever
    uint128 private _forfeited; // TALLY-wei, ever
    uint256 private _minted; // TALLY-wei, ever
    mapping(uint32 account => History) private _histories;
    mapping(uint32 account => mapping(uint256 index => uint256)) private _sharesClaimed;

    constructor(SupplierRewardsParameters memory p) AccessManaged(p.authority) {
        if (p.authority == address(0) || p.escrow == address(0) || p.dividendVault == address(0)) {
            revert SupplierRewards_ZeroAddress();
        }
        if (
            p.token.code.length == 0 || TallyToken(p.token).MINTER() != address(this)
                || IDividendVault(p.dividendVault).TOKEN() != p.token
        ) revert SupplierRewards_UnfitToken(p.token);
        if (
            p.rate == 0 || p.halving == 0 || p.dailyFees == 0 || p.vesting == 0 || p.dailyFees > p.halving
                || p.vesting > 3_650 days || 2 * uint256(p.rate) * p.halving > TallyToken(p.token).CAP()
        ) revert SupplierRewards_UnfitSchedule();
        ESCROW = p.escrow;
        TOKEN = p.token;
        DIVIDEND_VAULT = p.dividendVault;
        HALVING = p.halving;
        DAILY_FEES = p.dailyFees;
        VESTING = p.vesting;
        _schedule.rate = p.rate;
        emit RateLowered(p.rate);
    }

    // User reads

    /// @inheritdoc ISupplierRewards
    function schedule() external view returns (uint256 rate, uint256 firstRate, uint256 counted, uint256 leftToday) {
        Schedule memory s = _schedule;
        return (Emission.rateDown(s.rate, HALVING, s.counted), s.rate, s.counted, _leftOn(s, _today()));
    }

    /// @inheritdoc ISupplierRewards
    function totals() external view returns (uint256 credited, uint256 forfeited, uint256 minted) {
        return (_credited, _forfeited, _minted);
    }

    /// @inheritdoc ISupplierRewards
    function claimable(uint32 account) external view returns (uint256) {
        return _less(_vestedNow(account), _histories[account].claimed);
    }

    /// @inheritdoc ISupplierRewards
    function claimableShare(uint32 account, uint256 index, uint32[] calldata weights) external view returns (uint256) {
        return _less(_shareDown(_vestedNow(account), index, weights), _sharesClaimed[account][index]);
    }

    /// @inheritdoc ISupplierRewards
    function shareClaimed(uint32 account, uint256 index) external view returns (uint256) {
        return _sharesClaimed[account][index];
    }

    /// @inheritdoc ISupplierRewards
    function lifetimeOf(uint32 account)
        external
        view
        returns (uint256 fees, uint256 waiting, uint256 credited, uint256 vested, uint256 claimed)
    {
        History storage history = _histories[account];
        (uint256 net, uint256 overturned) = _feesOf(account);
        (uint32 n, Grant memory newest) = history.kept(history.standing(overturned));
        vested = history.vestedDown(n, newest, VESTING, block.timestamp);
        return (newest.fees, _less(net, newest.fees), newest.amount, vested, history.claimed);
    }

    /// @inheritdoc ISupplierRewards
    function emission(uint256 firstRate, uint256 start, uint256 fees) external view returns (uint256) {
        return Emission.amountOf(firstRate, HALVING, start, fees);
    }

    // User writes

    /// @inheritdoc ISupplierRewards
    function checkpoint(uint32[] calldata accounts) external nonReentrant returns (uint256 fees, uint256 amount) {
        return _checkpoint(accounts);
    }

    /// @inheritdoc ISupplierRewards
    function claim(uint32[] calldata accounts, address to) external nonReentrant returns (uint256 amount) {
        // Check, Effect
        if (to == address(0)) revert SupplierRewards_ZeroAddress();
        amount = _claim(accounts, to);
        // Interaction
        TallyToken(TOKEN).mint(to, amount);
    }

    /// @inheritdoc ISupplierRewards
    function claimAndStake(uint32[] calldata accounts, address staker) external nonReentrant returns (uint256 amount) {
        // Check, Effect
        amount = _claim(accounts, DIVIDEND_VAULT);
        // Interaction: the vault refuses the zero address and less than its minimum.
        TallyToken(TOKEN).mint(address(this), amount);
        IERC20(TOKEN).forceApprove(DIVIDEND_VAULT, amount);
        IDividendVault(DIVIDEND_VAULT).stakeFor(staker, amount);
    }

    /// @inheritdoc ISupplierRewards
    function claimShare(
        uint32 account,
        uint256 index,
        address[] calldata members,
        uint32[] calldata weights,
        address to
    ) external nonReentrant returns (uint256 amount) {
        // Check
        if (to == address(0)) revert SupplierRewards_ZeroAddress();
        bytes32 content = IEscrowExtension(ESCROW).splitContent(account);
        if (content == 0 || content != keccak256(abi.encode(members, weights))) {
            revert SupplierRewards_WrongSplit(account);
        }
        if (index >= members.length || members[index] != msg.sender) {
            revert SupplierRewards_NotMember(account, index, msg.sender);
        }
        // Effect
        History storage history = _histories[account];
        _checkpoint(account, history);
        uint256 due = _shareDown(_vested(history), index, weights);
        amount = _less(due, _sharesClaimed[account][index]);
        if (amount == 0) revert SupplierRewards_NothingToClaim();
        _sharesClaimed[account][index] = due;
        history.claimed += amount.toUint128();
        _minted += amount;
        emit RewardShareClaimed(account, index, to, amount);
        // Interaction
        TallyToken(TOKEN).mint(to, amount);
    }

    // Behind the role

    /// @inheritdoc ISupplierRewards
    function lowerRate(uint64 rate) external nonReentrant restricted {
        // Check
        if (rate >= _schedule.rate) revert SupplierRewards_RateNotLower(_schedule.rate, rate);
        // Effect
        _schedule.rate = rate;
        emit RateLowered(rate);
    }

    // Private

    function _claim(uint32[] calldata accounts, address to) private returns (uint256 amount) {
        // Check: all of them are the caller's.
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (IEscrow(ESCROW).ownerOf(accounts[i]) != msg.sender) {
                revert SupplierRewards_NotOwner(accounts[i], msg.sender);
            }
        }
        // Effect
        _checkpoint(accounts);
        for (uint256 i = 0; i < accounts.length; ++i) {
            History storage history = _histories[accounts[i]];
            uint256 due = _less(_vested(history), history.claimed);
            if (due == 0) continue;
            history.claimed += due.toUint128();
            amount += due;
            emit RewardsClaimed(accounts[i], to, due);
        }
        if (amount == 0) revert SupplierRewards_NothingToClaim();
        _minted += amount;
    }

    function _checkpoint(uint32[] calldata accounts) private returns (uint256 fees, uint256 amount) {
        if (accounts.length > MAX_ITEMS) revert SupplierRewards_TooManyItems(accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            (uint256 counted, uint256 brought) = _checkpoint(accounts[i], _histories[accounts[i]]);
            (fees, amount) = (fees + counted, amount + brought);
        }
    }

    /// @dev Brings one account up to what the Escrow says.
    function _checkpoint(uint32 account, History storage history) private returns (uint256 fees, uint256 amount) {
        (uint256 net, uint256 overturned) = _feesOf(account);
        uint256 before = history.last().fees;
        // Effect: for what was overturned since, the newest fees leave. First of all, so that fees that came meanwhile do not
        // take the place of those that were overturned, with their rate and the time that these have vested.
        if (overturned != history.overturned) {
            uint256 standing = history.standing(overturned);
            history.overturned = overturned.toUint96();
            if (standing != before) {
                uint256 lost = history.cut(standing);
                _forfeited += lost.toUint128();
                emit Forfeited(account, before - standing, lost);
                before = standing;
            }
        }
        if (net <= before) return (0, 0);
        // Effect: as much as the day has room for.
        Schedule memory s = _schedule;
        uint32 day = _today();
        uint256 left = _leftOn(s, day);
        fees = net - before;
        if (fees > left) {
            emit CheckpointCapped(account, day, fees - left);
            if (left == 0) return (0, 0);
            fees = left;
        }
        amount = Emission.amountOf(s.rate, HALVING, s.counted, fees);
        s.today = (day == s.day ? s.today : 0) + uint64(fees); // at most D, 64 bits
        s.counted += fees.toUint96();
        s.day = day;
        _schedule = s;
        _credited += amount.toUint128();
        history.add(day, uint96(fees), uint128(amount)); // both were cast just now
        emit Checkpointed(account, day, fees, amount);
    }

    /// @dev µ of fees of work that is final and was not ruled bad, and µ that were ruled bad. Those of a release that is not
    /// final may be ruled bad before they are in the reward base: then the first is too small for a while, never too large.
    function _feesOf(uint32 account) private view returns (uint256 net, uint256 overturned) {
        (,, uint256 base) = IEscrow(ESCROW).earningsOf(account);
        overturned = IEscrowRulings(ESCROW).overturned(account);
        net = _less(base, overturned);
    }

    function _vested(History storage history) private view returns (uint256) {
        return history.vestedDown(history.length, history.last(), VESTING, block.timestamp);
    }

    /// @dev As if the account were checkpointed for what was overturned.
    function _vestedNow(uint32 account) private view returns (uint256) {
        History storage history = _histories[account];
        (, uint256 overturned) = _feesOf(account);
        (uint32 n, Grant memory newest) = history.kept(history.standing(overturned));
        return history.vestedDown(n, newest, VESTING, block.timestamp);
    }

    function _today() private view returns (uint32) {
        return (block.timestamp / RewardHistory.DAY).toUint32();
    }

    function _leftOn(Schedule memory s, uint32 day) private view returns (uint256) {
        return day == s.day ? DAILY_FEES - s.today : DAILY_FEES;
    }

    /// @dev A member's part of `amount`, rounded down; 0 for one that is none.
    function _shareDown(uint256 amount, uint256 index, uint32[] calldata weights) private pure returns (uint256) {
        if (index >= weights.length) return 0;
        uint256 sum = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            sum += weights[i];
        }
        return sum == 0 ? 0 : amount * weights[index] / sum;
    }

    function _less(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
