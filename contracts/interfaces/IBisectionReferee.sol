// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Game, GameEnd, OperationProof, Turn, WorkStatement} from "../types/BisectionTypes.sol";
import {Terms, TermsSignatures} from "../types/EscrowTypes.sol";
import {IPaidArbiter} from "./IPaidArbiter.sol";

/// @title A referee for deterministic work: it narrows a computation to one operation, which the chain executes
/// @notice The work is a program of `operations` instructions, run `checkpoints` times over a Merkle-committed memory of int8 and
/// int32 tensors. The solver's outputRoot commits to all of it ({WorkStatement}). A game, of one round of one dispute:
///
///     NONE --open--> STATEMENT --state--> QUERY --query--> ANSWER --answer--> QUERY … --prove--> SOLVER_WON | CHALLENGER_WON
///       `------------state (the solver opens)-----^
///
/// A query asks for the state in the middle of what is left: first among checkpoints, whose states the statement commits to, then
/// among the operations of one. At most ceil(log2(checkpoints)) + ceil(log2(operations)) queries are answered. Then the challenger
/// shows the cells of the one operation that remains, and the contract executes it: the challenger wins when the solver's state
/// differs, otherwise the solver wins.
///
/// Clocks: each side has half of the policy's ruling time for all its moves. The challenger's runs from the round's beginning, since
/// it is its part to open; whose clock has run out has lost, and anyone may say so. Nobody opened: there is no ruling, and the
/// Court's default for a silent arbiter follows.
///
/// The challenger's win rules the units that it claims, the solver's win those of the figure. `program`, `input`, `checkpoints` and
/// `operations` must be what both parties signed for: Terms.workHash is {orderHash}, and {register} puts it on chain.
///
/// Trust: nobody has a role. The referee holds nothing but arbiter's fees on their way to whoever won the dispute.
interface IBisectionReferee is IPaidArbiter {
    /// @notice The work that an agreement is about is on record, for ever.
    event Registered(uint64 indexed agreement, bytes32 workHash);
    /// @notice From now on `player` may move for `principal` too; zero: nobody.
    event PlayerAppointed(address indexed principal, address indexed player);
    /// @notice A game began; the seconds are what is left on each clock.
    event GameOpened(
        uint64 indexed dispute,
        uint8 round,
        address indexed challenger,
        address indexed solver,
        uint32 challengerLeft,
        uint32 solverLeft
    );
    event Stated(uint64 indexed dispute, WorkStatement statement);
    /// @notice The sides part between states `low` and `high`; the challenger asks for the one at `index`.
    event Queried(uint64 indexed dispute, uint64 low, uint64 high, uint64 index);
    event Answered(uint64 indexed dispute, uint64 index, bytes32 state);
    /// @notice The operation was executed: the state after it is `found`, the solver said `stated`.
    event OperationExecuted(
        uint64 indexed dispute, uint64 indexed operation, bytes32 instruction, bytes32 found, bytes32 stated
    );
    event GameDecided(uint64 indexed dispute, Turn winner, GameEnd how, uint8 rounds);
    /// @notice The Court's fee for a round went to whoever won the dispute.
    event FeePassedOn(uint64 indexed dispute, uint8 round, address indexed to, uint64 amount);

    /// @notice Thrown when this contract does not decide the dispute's present round, or no round runs.
    error BisectionReferee_NotArbiter(uint64 dispute, uint8 round);
    /// @notice Thrown when a dispute is a proposal, whose challenger only carried it, has no output, or is upward.
    error BisectionReferee_Unsuitable(uint64 dispute);
    error BisectionReferee_AlreadyOpen(uint64 dispute);
    error BisectionReferee_NotPlayer(uint64 dispute, address caller);
    /// @notice Thrown when the move is not the next one.
    error BisectionReferee_WrongTurn(uint64 dispute, Turn turn);
    /// @notice Thrown when the mover's clock has run out.
    error BisectionReferee_ClockOut(uint64 dispute);
    /// @notice Thrown when a clock is called out that runs until (exclusive) `until`.
    error BisectionReferee_ClockRuns(uint64 dispute, uint256 until);
    /// @notice Thrown when a statement is not what the disputed outputRoot commits to, or is of no work at all.
    error BisectionReferee_WrongStatement(uint64 dispute);
    /// @notice Thrown when the stated work is not the registered one; `registered` is 0 when none is.
    error BisectionReferee_WrongOrder(uint64 agreement, bytes32 registered, bytes32 stated);
    /// @notice Thrown when a query is not for the middle of a half, or an operation is not the one that is left.
    error BisectionReferee_WrongIndex(uint64 dispute, uint64 index);
    /// @notice Thrown when what is shown does not lead to what was committed; `what` says which part.
    error BisectionReferee_BadProof(bytes32 what);
    error BisectionReferee_Undecided(uint64 dispute);
    error BisectionReferee_AlreadyRegistered(uint64 agreement);
    /// @notice Thrown when Terms are not of the agreement, as far as its number and its slots tell.
    error BisectionReferee_WrongTerms(uint64 agreement);
    error BisectionReferee_NotSigned(uint64 agreement, address signer);
    /// @notice Thrown when the Court has credited no fee for the round, nobody won the dispute, or the fee was passed on.
    error BisectionReferee_NothingToCollect(uint64 dispute, uint8 round);

    /// @notice Puts on record which work an agreement is about, once and for ever: the workHash of its Terms, signed by the owners
    /// of the customer's account and of the operator; the caller counts as its own signature. Anyone, at any time while the
    /// agreement is open. An operator does it before it works: without it no statement of its can be made.
    function register(uint64 agreement, Terms calldata terms, TermsSignatures calldata signatures) external;
    /// @notice Lets `player` move for the caller in all games, besides the caller; zero: nobody.
    function appoint(address player) external;

    /// @notice Opens the game of the dispute's present round. The challenger; before its clock, which runs since the round began,
    /// is out.
    function open(uint64 dispute) external;
    /// @notice Shows what the disputed outputRoot commits to. The operator's owner. Opens the game when the challenger did not.
    /// @param proof That the final state is the last of `states`.
    function state(uint64 dispute, WorkStatement calldata statement, bytes32[] calldata proof) external;
    /// @notice Asks for the state at `index`, which says what the challenger thinks of the last answer: below it, that it is
    /// wrong; above it, that it is right. The first query is for the middle of all.
    function query(uint64 dispute, uint64 index) external;
    /// @notice Says the state that was asked for. @param proof Against the statement's `states`; empty inside a checkpoint.
    function answer(uint64 dispute, bytes32 state_, bytes32[] calldata proof) external;
    /// @notice Executes the one operation that is left, and decides. The challenger. `operation` says which half of the last answer
    /// it is in: the state before it is right by the challenger's word, the state after it is what is judged.
    function prove(uint64 dispute, uint64 operation, OperationProof calldata shown) external;
    /// @notice Ends a game whose mover's clock has run out. Anyone. {rule} says the same without it.
    function callTime(uint64 dispute) external;
    /// @notice Credits the fee of a round to whoever won the dispute at the Court: the moves were the parties' work. Anyone, once the ruling
    /// was executed.
    function collectFee(uint64 dispute, uint8 round) external returns (uint64 amount);

    /// @notice The newest game of a dispute; all zero when there is none.
    function gameOf(uint64 dispute) external view returns (Game memory);
    /// @notice Who has won by now, clocks included: SOLVER_WON, CHALLENGER_WON, or NONE.
    function winnerOf(uint64 dispute) external view returns (Turn);
    /// @notice The registered work of an agreement; 0: none.
    function orderOf(uint64 agreement) external view returns (bytes32 workHash);
    function playerOf(address principal) external view returns (address player);
    /// @notice What Terms.workHash must be for this work.
    function orderHash(bytes32 program, bytes32 input, uint32 checkpoints, uint32 operations)
        external
        pure
        returns (bytes32);
    /// @notice What the outputRoot of this work must be.
    function outputRootOf(WorkStatement calldata statement) external pure returns (bytes32);
    function STAKING() external view returns (address);
    function ESCROW() external view returns (address);
}
