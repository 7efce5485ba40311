"""Merkle trees in OpenZeppelin's heap layout: node[j] = H(sorted(node[2j+1], node[2j+2])), leaf i at 2n-2-i.

A tree is a flat list of 2n - 1 nodes, the root first, as `contracts/libraries/BatchTree.sol` computes it and
OpenZeppelin's `MerkleProof` verifies it. Leaves are hashes already (see `figures.leaf_hash`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import EncodingError
from .hashing import keccak256

if TYPE_CHECKING:
    from collections.abc import Sequence


def pair(left: bytes, right: bytes) -> bytes:
    """keccak256 of two nodes, the smaller first."""
    return keccak256(left + right) if left < right else keccak256(right + left)


def tree(leaves: Sequence[bytes]) -> list[bytes]:
    """All 2n - 1 nodes, root first. Raises EncodingError without leaves."""
    count = len(leaves)
    if count == 0:
        raise EncodingError("A Merkle tree needs at least one leaf.")
    nodes = [b""] * (count - 1)
    nodes.extend(reversed(leaves))
    for at in range(count - 2, -1, -1):
        left, right = nodes[2 * at + 1], nodes[2 * at + 2]
        nodes[at] = keccak256(left + right) if left < right else keccak256(right + left)
    return nodes


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves`; a single leaf is its own root."""
    return tree(leaves)[0]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings from leaf `index` up to the root. Raises EncodingError when there is no such leaf."""
    return proof_from(tree(leaves), index)


def proof_from(nodes: Sequence[bytes], index: int) -> list[bytes]:
    """As `proof`, from the nodes that `tree` returned: for many proofs of one tree."""
    count = (len(nodes) + 1) // 2
    if not 0 <= index < count:
        raise EncodingError(f"There is no leaf {index} in a tree of {count}.")
    at = 2 * count - 2 - index
    siblings = []
    while at > 0:
        siblings.append(nodes[at + 1 if at % 2 else at - 1])
        at = (at - 1) // 2
    return siblings


def verify(siblings: Sequence[bytes], expected_root: bytes, leaf: bytes) -> bool:
    """Whether `siblings` lead from `leaf` to `expected_root` (OpenZeppelin's `MerkleProof.verify`)."""
    node = leaf
    for sibling in siblings:
        node = pair(node, sibling)
    return node == expected_root
