// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Types of the bisection referee
/// @dev docs/bisection.md has the protocol; `src/tallystick/protocol/bisection` is the same in Python.

/// @notice What an outputRoot commits to: outputRoot = keccak256(abi.encode(TAG, all seven fields)).
/// @param program Merkle root over the instructions of one checkpoint, by index.
/// @param input Merkle root over the memory cells before the first operation, by index.
/// @param checkpoints How often the program is run, above zero. @param operations Instructions in it, above zero.
/// @param states Merkle root over the states after each checkpoint, by index from 0; the last is the final one.
/// @param finalMemory Root of the memory at the end: what the result is opened against. @param finalTrace Trace at the end.
struct WorkStatement {
    bytes32 program;
    bytes32 input;
    uint32 checkpoints;
    uint32 operations;
    bytes32 states;
    bytes32 finalMemory;
    bytes32 finalTrace;
}

/// @notice A memory cell of 32 bytes with the siblings of its leaf. Its index is the instruction's.
struct CellProof {
    bytes32 word;
    bytes32[] proof;
}

/// @notice All that executing one operation needs, every part of it proven.
/// @param memoryRoot, trace What the state before it is the hash of.
/// @param instruction The operation, with its proof against the program.
/// @param a, b Operands; `b` is unused by RELU and REQUANTISE. @param target The cell that is written, as it was before.
struct OperationProof {
    bytes32 memoryRoot;
    bytes32 trace;
    bytes32 instruction;
    bytes32[] instructionProof;
    CellProof a;
    CellProof b;
    CellProof target;
}

/// @notice Whose move it is, or who won.
/// - STATEMENT: the solver has to show what its outputRoot commits to. QUERY: the challenger asks for a state, or has the last
/// operation executed. ANSWER: the solver has to say the state.
enum Turn {
    NONE,
    STATEMENT,
    QUERY,
    ANSWER,
    SOLVER_WON,
    CHALLENGER_WON
}

/// @notice Why a game ended.
enum GameEnd {
    NONE,
    EXECUTED,
    CLOCK
}

/// @notice A game as it stands. A state's index is the number of operations done before it.
/// @param round The dispute's round that it decides. @param rounds Queries answered so far.
/// @param challengerLeft, solverLeft Seconds on the clocks when the present move began, at `since`.
/// @param operations Operations a checkpoint. @param low Index of the newest state that both sides agree on.
/// @param high Index of the oldest state that they do not. @param asked Index that was asked for last; 0: none was.
/// @param program, states Of the statement. @param lowState, highState, askedState What the solver says the states are.
struct Game {
    address challenger;
    uint32 challengerLeft;
    uint32 solverLeft;
    Turn turn;
    uint8 round;
    uint8 rounds;
    address solver;
    uint40 since;
    uint32 operations;
    uint64 low;
    uint64 high;
    uint64 asked;
    bytes32 program;
    bytes32 states;
    bytes32 lowState;
    bytes32 highState;
    bytes32 askedState;
}
