// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title The Merkle tree over a batch
/// @notice Leaf i = keccak256(uint16 i, 18-byte figure, 32-byte outputRoot): 52 bytes, so a leaf can never be mistaken for
/// an inner node (64 bytes), and it is bound to its place. OpenZeppelin's heap: node[j] = H(sorted(node[2j+1], node[2j+2])),
/// leaf i at 2n-2-i; a proof is verified by OpenZeppelin's `MerkleProof`.
library BatchTree {
    /// @notice Leaf of figure `index`.
    function leaf(uint256 index, bytes18 figure, bytes32 output) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint16(index), figure, output));
    }

    /// @notice Root over `count` leaves, at least one. The caller has checked the lengths: 18 and 32 bytes a leaf.
    function root(bytes calldata figures, bytes calldata outputs, uint256 count)
        internal
        pure
        returns (bytes32 result)
    {
        // Assembly because this is the dearest loop of a post: the tree is built in scratch memory behind the free pointer,
        // which is not moved, since nothing of it is needed afterwards.
        assembly ("memory-safe") {
            let base := mload(0x40)
            let buffer := add(base, shl(5, sub(shl(1, count), 1)))
            let slot := buffer
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                slot := sub(slot, 32)
                mstore(buffer, shl(240, i))
                calldatacopy(add(buffer, 2), add(figures.offset, mul(i, 18)), 18)
                calldatacopy(add(buffer, 20), add(outputs.offset, shl(5, i)), 32)
                mstore(slot, keccak256(buffer, 52))
            }
            // `slot` is now leaf count-1, at heap index count-1; inner nodes are those before it.
            for {} gt(slot, base) {} {
                slot := sub(slot, 32)
                // children of heap index j = (slot - base) / 32 are 2j+1 and 2j+2
                let left := add(add(shl(1, sub(slot, base)), 32), base)
                let a := mload(left)
                let b := mload(add(left, 32))
                switch lt(a, b)
                case 1 {
                    mstore(0x00, a)
                    mstore(0x20, b)
                }
                default {
                    mstore(0x00, b)
                    mstore(0x20, a)
                }
                mstore(slot, keccak256(0x00, 0x40))
            }
            result := mload(base)
        }
    }

    /// @notice As {root}, of the first `count` of `leaves`, at least one: for batches that are put together in memory.
    function rootOfLeaves(bytes32[] memory leaves, uint256 count) internal pure returns (bytes32) {
        bytes32[] memory nodes = new bytes32[](2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            nodes[2 * count - 2 - i] = leaves[i];
        }
        for (uint256 j = count - 1; j > 0; --j) {
            nodes[j - 1] = Hashes.commutativeKeccak256(nodes[2 * j - 1], nodes[2 * j]);
        }
        return nodes[0];
    }
}
