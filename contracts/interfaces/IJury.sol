// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Deadlines, Juror, Panel, Seal, Seat} from "../types/ArbiterTypes.sol";
import {IPaidArbiter} from "./IPaidArbiter.sol";

/// @title A jury of verifiers, drawn by their deposits
/// @notice For each round that a policy gives to this contract a panel is drawn: 5 seats in round 1, 11 in round 2. With T, the
/// policy's ruling time, counted from the round's start:
///
///     until T/32   seal        each side may seal a secret, with a bond; also long before the round
///     until T/8    fixBlock    anyone: a block three ahead; catchBlock: its hash, which nobody knew, is stored
///     then T/16    showSecret  both sides show what they sealed; who does not, loses its bond to the jurors
///     until T/4    draw        anyone: seed = keccak(hash, both secrets)
///     until 5T/8   commitVote  a hash that only this juror can open
///     until 7T/8   revealVote  the units, anywhere between attacked and claimed
///     then         settle      anyone, whatever happened
///
/// The ruling is the median of the revealed votes (of an even number the middle one nearer to `attacked`). Votes within a tenth
/// of what is disputed from it agree with it. If more than half of the revealed votes agree, those are paid and the others lose
/// PENALTY; otherwise all who revealed are paid and none of them loses. The silent always lose PENALTY. Those who are paid share
/// penalties, lost draw bonds and the round's fee equally. Fewer reveals than a majority of the seats: no ruling.
///
/// Trust: nobody has a role here. A juror owns an active verifier in `Staking` and entrusts a deposit to this contract, which can
/// take nothing else. Parties (the operator's, customer's, funder's and payee's owners, the challenger, the owners of the
/// policy's verifiers) do not sit. One owner has one deposit, so one seat; many owners are many seats, at the price of a
/// verifier's stake each. Each exit is by time, open to anyone.
interface IJury is IPaidArbiter {
    event Deposited(address indexed juror, uint32 indexed operator, uint64 amount, uint64 deposit);
    event Leaving(address indexed juror, uint40 leavesAt);
    /// @notice The juror was credited its whole deposit.
    event Left(address indexed juror, uint64 amount);
    /// @notice The juror is drawn by `weight` from the day after this one on.
    event Weighed(address indexed juror, uint64 weight);
    event Sealed(
        uint64 indexed dispute, uint8 indexed round, address indexed by, bool forChallenger, bytes32 seal, uint64 bond
    );
    event SecretShown(uint64 indexed dispute, uint8 indexed round, address indexed by, bytes32 secret);
    /// @notice A draw bond was credited back, or lost to the jurors who are paid.
    event DrawBondReturned(uint64 indexed dispute, uint8 indexed round, address indexed by, uint64 amount);
    event DrawBondLost(uint64 indexed dispute, uint8 indexed round, address indexed by, uint64 amount);
    /// @notice Block `target` decides; weights are those of `day`.
    event BlockFixed(uint64 indexed dispute, uint8 indexed round, uint48 target, uint32 day);
    event BlockCaught(uint64 indexed dispute, uint8 indexed round, uint48 target, bytes32 entropy);
    event Drawn(uint64 indexed dispute, uint8 indexed round, address[] jurors);
    event VoteCommitted(uint64 indexed dispute, uint8 indexed round, address indexed juror, bytes32 commitment);
    event VoteRevealed(uint64 indexed dispute, uint8 indexed round, address indexed juror, uint80 units);
    /// @notice A seat lost `amount` µ of its juror's deposit.
    event Penalised(uint64 indexed dispute, uint8 indexed round, address indexed juror, uint64 amount);
    /// @notice The panel is over: `paid` jurors were credited `each` µ out of penalties and lost bonds; `carried` µ wait for
    /// the next panel. `units` stand if `ruled`.
    event Settled(
        uint64 indexed dispute, uint8 indexed round, bool ruled, uint80 units, uint8 paid, uint256 each, uint256 carried
    );
    /// @notice `amount` µ were taken from the Court.
    event FeesTaken(uint256 amount);
    /// @notice Of a round's fee the jurors who are paid were credited `each` µ; the rest of `amount` is carried.
    event FeeShared(uint64 indexed dispute, uint8 indexed round, uint64 amount, uint256 each);

    /// @notice Thrown by the constructor; `what` names the parameter.
    error Jury_BadParameters(bytes32 what);
    /// @notice Thrown when the operator is no active verifier, or not the caller's.
    error Jury_NotVerifier(uint32 operator, address caller);
    error Jury_DepositOutOfRange(uint256 deposit, uint64 least, uint64 most);
    error Jury_ZeroAmount();
    error Jury_NoDeposit(address juror);
    /// @notice Thrown when the juror is leaving already.
    error Jury_AlreadyLeaving(address juror, uint40 leavesAt);
    /// @notice Thrown when the juror has not asked to leave, its delay runs, or it has a seat.
    error Jury_CannotLeaveYet(address juror, uint40 leavesAt, uint16 seats);
    /// @notice Thrown when the round is not this contract's, or is not running or ahead as the step demands.
    error Jury_NotArbiter(uint64 dispute, uint8 round);
    /// @notice Thrown when the step is possible from `from` on, and before `until`, only.
    error Jury_NotNow(uint64 dispute, uint8 round, uint40 from, uint40 until);
    /// @notice Thrown when the caller acts for neither side.
    error Jury_NotSide(uint64 dispute, address caller);
    /// @notice Thrown when a seal, commitment or secret is 0.
    error Jury_ZeroHash();
    error Jury_AlreadySealed(uint64 dispute, uint8 round, address by);
    /// @notice Thrown when the secret does not open a seal of the caller.
    error Jury_WrongSecret(uint64 dispute, uint8 round, address caller);
    /// @notice Thrown when a block is fixed that can still decide, or was caught.
    error Jury_BlockFixed(uint64 dispute, uint8 round, uint48 target);
    /// @notice Thrown when a third block expired: there is no jury in this round.
    error Jury_NoBlockLeft(uint64 dispute, uint8 round);
    /// @notice Thrown when no block is fixed, or it is not past, or it is no longer known.
    error Jury_NoBlock(uint64 dispute, uint8 round, uint48 target);
    error Jury_AlreadyDrawn(uint64 dispute, uint8 round);
    /// @notice Thrown when not enough jurors can sit.
    error Jury_TooFewJurors(uint64 dispute, uint8 round, uint256 found);
    error Jury_NotDrawn(uint64 dispute, uint8 round);
    error Jury_NotJuror(uint64 dispute, uint8 round, address caller);
    /// @notice Thrown when units and salt do not open the caller's commitment, or it was opened before.
    error Jury_WrongVote(uint64 dispute, uint8 round, address caller);
    /// @notice Thrown when the units are on neither side's figure nor between them.
    error Jury_VoteOutOfRange(uint80 units, uint80 attacked, uint80 claimed);
    error Jury_Undecided(uint64 dispute, uint8 round);
    error Jury_NoQuorum(uint64 dispute, uint8 round, uint8 revealed);
    error Jury_AlreadySettled(uint64 dispute, uint8 round);
    error Jury_NotSettled(uint64 dispute, uint8 round);
    error Jury_NothingToShare(uint64 dispute, uint8 round);

    /// @notice Adds `amount` µ, pulled from the caller, to its deposit, and says which verifier is its own. Counts from tomorrow
    /// (days of unix time) on.
    function deposit(uint32 operator, uint64 amount) external;
    /// @notice Leaves: no weight from tomorrow on, the deposit after EXIT_DELAY.
    function resign() external;
    /// @notice Credits the caller its deposit. After the delay, while it has no seat.
    function withdraw() external returns (uint64 amount);
    /// @notice Writes a juror's weight anew, 0 while it is no active verifier: who forgot its role does not stand in the way of
    /// draws. Counts from tomorrow on. Anyone.
    function reweigh(address juror) external returns (uint64 weight);

    /// @notice Seals a secret for a round that is ahead or has just begun, as the dispute's challenger or the operator's owner; the bond is
    /// pulled. A challenger who took over replaces the seal of the one before, whose bond returns.
    function seal(uint64 dispute, uint8 round, bytes32 hash) external;
    /// @notice Fixes the block whose hash decides, three ahead; again when the last one expired, three in all. Anyone.
    function fixBlock(uint64 dispute, uint8 round) external returns (uint48 target);
    /// @notice Stores the hash of the fixed block. Anyone. {showSecret} and {draw} do it too.
    function catchBlock(uint64 dispute, uint8 round) external;
    /// @notice Shows the caller's secret; its bond returns.
    function showSecret(uint64 dispute, uint8 round, bytes32 secret) external;
    /// @notice Draws the panel, as soon as both sealed secrets are there or their time is over. Anyone.
    function draw(uint64 dispute, uint8 round) external returns (address[] memory jurors);
    /// @notice Commits to a vote, or to another one instead. A juror, from the draw on.
    function commitVote(uint64 dispute, uint8 round, bytes32 commitment) external;
    function revealVote(uint64 dispute, uint8 round, uint80 units, bytes32 salt) external;
    /// @notice Ends a panel: frees the seats, takes penalties, pays. Anyone, once it is decided, or when there will be none any
    /// more; then sealed bonds that could not be shown return.
    function settle(uint64 dispute, uint8 round) external;
    /// @notice Shares the fee that the Court credited for a settled round. Anyone.
    function shareFee(uint64 dispute, uint8 round) external returns (uint256 each);

    function jurorOf(address juror) external view returns (Juror memory);
    function jurorCount() external view returns (uint32);
    /// @notice Who has place `leaf` (from 1) in the tree of weights.
    function jurorAt(uint32 leaf) external view returns (address);
    /// @notice µ of all weights today, and of one juror's.
    function weights(address juror) external view returns (uint64 total, uint64 own);
    function panelOf(uint64 dispute, uint8 round) external view returns (Panel memory);
    function seatsOf(uint64 dispute, uint8 round) external view returns (Seat[] memory);
    /// @notice The challenger's seal, and the operator's.
    function sealsOf(uint64 dispute, uint8 round) external view returns (Seal memory challenger, Seal memory operator);
    function deadlinesOf(uint64 dispute, uint8 round) external view returns (Deadlines memory);
    /// @notice The ruling of a panel, whatever the Court's present round: reverts while there is none.
    function rulingOf(uint64 dispute, uint8 round) external view returns (uint80 units);
    /// @notice What {seal} takes: keccak256(abi.encode(chain, this, dispute, round, by, secret)).
    function sealHash(uint64 dispute, uint8 round, address by, bytes32 secret) external view returns (bytes32);
    /// @notice What {commitVote} takes: keccak256(abi.encode(chain, this, dispute, round, juror, units, salt)).
    function voteHash(uint64 dispute, uint8 round, address juror, uint80 units, bytes32 salt)
        external
        view
        returns (bytes32);
    /// @notice µ that wait for the next panel that pays.
    function carried() external view returns (uint256);
    /// @notice µ taken from the Court and not shared yet.
    function feesHeld() external view returns (uint256);

    function STAKING() external view returns (address);
    function ESCROW() external view returns (address);
    function MIN_DEPOSIT() external view returns (uint64);
    function MAX_DEPOSIT() external view returns (uint64);
    function PENALTY() external view returns (uint64);
    function DRAW_BOND() external view returns (uint64);
    function EXIT_DELAY() external view returns (uint32);
}
