// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IBisectionReferee} from "../interfaces/IBisectionReferee.sol";
import {CellProof, OperationProof, WorkStatement} from "../types/BisectionTypes.sol";
import {TensorMachine} from "./TensorMachine.sol";

/// @title What deterministic work commits to
/// @notice A state is keccak256(memoryRoot, trace). The trace starts as the order's hash and takes in each operation's result:
/// trace' = keccak256(trace, result). So it is a running hash of every write, hence of every state, and two computations that
/// once differed differ for good, even when a later operation makes their memories equal again.
///
/// Trees are OpenZeppelin's, of leaves keccak256(uint32 index, word): 36 bytes, so no leaf is an inner node, and each is bound
/// to its place.
library WorkHashes {
    bytes32 internal constant ORDER_TAG = keccak256("Tallystick work order v1");
    bytes32 internal constant STATEMENT_TAG = keccak256("Tallystick work statement v1");
    /// @notice No tree has 2^32 leaves, so no honest proof is longer; loops over proofs end here.
    uint256 internal constant MAX_PROOF = 32;

    /// @notice What both parties agree on before the work: Terms.workHash.
    function order(bytes32 program, bytes32 input, uint32 checkpoints, uint32 operations)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ORDER_TAG, program, input, checkpoints, operations));
    }

    /// @notice What the solver's outputRoot is.
    function statement(WorkStatement calldata s) internal pure returns (bytes32) {
        return keccak256(abi.encode(STATEMENT_TAG, s));
    }

    function state(bytes32 memoryRoot, bytes32 trace) internal pure returns (bytes32) {
        return keccak256(abi.encode(memoryRoot, trace));
    }

    function leaf(uint32 index, bytes32 word) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(index, word));
    }

    /// @notice Reverts unless `word` is at `index` under `root`. `what` names it in the error.
    function check(bytes32 root, uint32 index, bytes32 word, bytes32[] calldata proof, bytes32 what) internal pure {
        if (rootFrom(index, word, proof, what) != root) revert IBisectionReferee.BisectionReferee_BadProof(what);
    }

    /// @notice The root of a tree with `word` at `index` and these siblings.
    function rootFrom(uint32 index, bytes32 word, bytes32[] calldata proof, bytes32 what)
        internal
        pure
        returns (bytes32)
    {
        if (proof.length > MAX_PROOF) revert IBisectionReferee.BisectionReferee_BadProof(what);
        return MerkleProof.processProofCalldata(proof, leaf(index, word));
    }

    /// @notice The state after the operation whose state before, instruction and cells are shown; reverts when one is not what
    /// `before`, `program` and `index` in it say.
    function next(bytes32 before, bytes32 program, uint32 index, OperationProof calldata shown)
        internal
        pure
        returns (bytes32)
    {
        bytes32 instruction = shown.instruction;
        bytes32 root = shown.memoryRoot;
        if (state(root, shown.trace) != before) revert IBisectionReferee.BisectionReferee_BadProof("state");
        check(program, index, instruction, shown.instructionProof, "instruction");
        if (TensorMachine.isNop(instruction)) return state(root, keccak256(abi.encode(shown.trace, bytes32(0))));

        CellProof calldata target = shown.target;
        check(root, TensorMachine.operandA(instruction), shown.a.word, shown.a.proof, "a");
        if (TensorMachine.isBinary(instruction)) {
            check(root, TensorMachine.operandB(instruction), shown.b.word, shown.b.proof, "b");
        }
        check(root, TensorMachine.target(instruction), target.word, target.proof, "target");
        (bytes32 result, bytes32 word) = TensorMachine.execute(instruction, shown.a.word, shown.b.word, target.word);
        // The siblings of the old word are those of the new one.
        root = rootFrom(TensorMachine.target(instruction), word, target.proof, "target");
        return state(root, keccak256(abi.encode(shown.trace, result)));
    }
}
