// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IJury} from "../../interfaces/IJury.sol";
import {IStaking} from "../../interfaces/IStaking.sol";
import {DatedSums} from "../../libraries/DatedSums.sol";
import {Juror, JuryParameters} from "../../types/ArbiterTypes.sol";
import {Role} from "../../types/StakingTypes.sol";
import {ArbiterBase} from "./ArbiterBase.sol";

/// @title Who can be drawn, and with what weight
/// @notice A part of `Jury`; see {IJury}.
/// @dev A juror is an owner, not an operator: two verifiers of one owner make one deposit and one seat.
///
/// A juror keeps its leaf for ever, so a leaf of the past days always leads to the juror whose weight it was.
abstract contract JurorPool is ArbiterBase, IJury {
    using DatedSums for DatedSums.Tree;

    /// @dev A draw goes by the weights of today or yesterday, so who leaves stays liable for more than both.
    uint256 private constant MIN_EXIT_DELAY = 2 days;
    uint256 private constant MAX_EXIT_DELAY = 60 days;

    /// @inheritdoc IJury
    address public immutable STAKING;
    /// @inheritdoc IJury
    address public immutable ESCROW;
    /// @inheritdoc IJury
    uint64 public immutable MIN_DEPOSIT;
    /// @inheritdoc IJury
    uint64 public immutable MAX_DEPOSIT;
    /// @inheritdoc IJury
    uint64 public immutable PENALTY;
    /// @inheritdoc IJury
    uint64 public immutable DRAW_BOND;
    /// @inheritdoc IJury
    uint32 public immutable EXIT_DELAY;

    DatedSums.Tree internal _tree;
    mapping(address juror => Juror) internal _jurors;
    /// @inheritdoc IJury
    mapping(uint32 leaf => address) public jurorAt;

    constructor(JuryParameters memory p) {
        if (p.staking == address(0) || p.escrow == address(0)) revert BondBook_ZeroAddress();
        if (p.penalty == 0) revert Jury_BadParameters("penalty");
        if (p.minDeposit < p.penalty) revert Jury_BadParameters("minDeposit");
        if (p.maxDeposit < p.minDeposit) revert Jury_BadParameters("maxDeposit");
        if (p.drawBond == 0) revert Jury_BadParameters("drawBond");
        if (p.exitDelay < MIN_EXIT_DELAY || p.exitDelay > MAX_EXIT_DELAY) revert Jury_BadParameters("exitDelay");
        STAKING = p.staking;
        ESCROW = p.escrow;
        MIN_DEPOSIT = p.minDeposit;
        MAX_DEPOSIT = p.maxDeposit;
        PENALTY = p.penalty;
        DRAW_BOND = p.drawBond;
        EXIT_DELAY = p.exitDelay;
    }

    // Reads

    /// @inheritdoc IJury
    function jurorOf(address juror) external view returns (Juror memory) {
        return _jurors[juror];
    }

    /// @inheritdoc IJury
    function jurorCount() external view returns (uint32) {
        return _tree.count;
    }

    /// @inheritdoc IJury
    function weights(address juror) external view returns (uint64 total, uint64 own) {
        uint32 leaf = _jurors[juror].leaf;
        total = _tree.total(_today());
        own = leaf == 0 ? 0 : _tree.weightOf(leaf - 1, _today());
    }

    // Writes

    /// @inheritdoc IJury
    function deposit(uint32 operator, uint64 amount) external nonReentrant {
        // Check: an active verifier of the caller, who stays, within the bounds.
        if (amount == 0) revert Jury_ZeroAmount();
        if (IStaking(STAKING).ownerOf(operator) != msg.sender || !_isActive(operator)) {
            revert Jury_NotVerifier(operator, msg.sender);
        }
        Juror storage j = _jurors[msg.sender];
        if (j.leavesAt != 0) revert Jury_AlreadyLeaving(msg.sender, j.leavesAt);
        uint256 sum = uint256(j.deposit) + amount;
        if (sum < MIN_DEPOSIT || sum > MAX_DEPOSIT) revert Jury_DepositOutOfRange(sum, MIN_DEPOSIT, MAX_DEPOSIT);

        // Interaction, before the effect: what counts is what arrives.
        _pullBond(msg.sender, amount);

        // Effect: it counts from tomorrow on.
        if (j.leaf == 0) {
            j.leaf = _tree.append() + 1;
            jurorAt[j.leaf] = msg.sender;
        }
        j.operator = operator;
        j.deposit = uint64(sum);
        emit Deposited(msg.sender, operator, amount, uint64(sum));
        _weigh(msg.sender);
    }

    /// @inheritdoc IJury
    function resign() external nonReentrant {
        // Check: there is something to leave with.
        Juror storage j = _jurors[msg.sender];
        if (j.deposit == 0) revert Jury_NoDeposit(msg.sender);
        if (j.leavesAt != 0) revert Jury_AlreadyLeaving(msg.sender, j.leavesAt);

        // Effect: no weight from tomorrow on.
        j.leavesAt = uint40(block.timestamp) + EXIT_DELAY;
        emit Leaving(msg.sender, j.leavesAt);
        _weigh(msg.sender);
    }

    /// @inheritdoc IJury
    function withdraw() external nonReentrant returns (uint64 amount) {
        // Check: the delay is over, and no panel counts on the deposit.
        Juror storage j = _jurors[msg.sender];
        if (j.leavesAt == 0 || block.timestamp < j.leavesAt || j.seats != 0) {
            revert Jury_CannotLeaveYet(msg.sender, j.leavesAt, j.seats);
        }

        // Effect: it is owed, and can be claimed.
        amount = j.deposit;
        (j.deposit, j.leavesAt) = (0, 0);
        emit Left(msg.sender, amount);
        _creditBond(msg.sender, amount);
    }

    /// @inheritdoc IJury
    function reweigh(address juror) external nonReentrant returns (uint64 weight) {
        // Check: known.
        if (_jurors[juror].leaf == 0) revert Jury_NoDeposit(juror);

        // Effect: as it is now.
        return _weigh(juror);
    }

    // Internals

    /// @dev Writes the weight that a deposit has from tomorrow on: none below the minimum, for who leaves, or is no verifier now.
    function _weigh(address juror) internal returns (uint64 weight) {
        Juror storage j = _jurors[juror];
        if (j.leavesAt == 0 && j.deposit >= MIN_DEPOSIT && _isActive(j.operator)) weight = j.deposit;
        if (_tree.set(j.leaf - 1, _today(), weight)) emit Weighed(juror, weight);
    }

    function _isActive(uint32 operator) internal view returns (bool) {
        return IStaking(STAKING).isActive(operator, Role.VERIFIER);
    }

    function _today() internal view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }
}
