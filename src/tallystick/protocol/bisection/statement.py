"""The structs of `BisectionTypes.sol` that players send. No numpy here: who only decodes them needs none."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..hashing import keccak256

__all__ = ["CellProof", "OperationProof", "Statement"]

STATEMENT_TAG: Final = keccak256(b"Tallystick work statement v1")


class Statement(NamedTuple):
    """`WorkStatement` of BisectionTypes.sol: what an outputRoot commits to."""

    program: bytes
    input: bytes
    checkpoints: int
    operations: int
    states: bytes
    final_memory: bytes
    final_trace: bytes

    def output_root(self) -> bytes:
        """What the receipt's outputRoot is."""
        counts = self.checkpoints.to_bytes(32, "big") + self.operations.to_bytes(32, "big")
        head = STATEMENT_TAG + self.program + self.input + counts
        return keccak256(head + self.states + self.final_memory + self.final_trace)


class CellProof(NamedTuple):
    """A memory cell and its siblings."""

    word: bytes
    proof: list[bytes]


class OperationProof(NamedTuple):
    """`OperationProof` of BisectionTypes.sol: all that executing one operation needs."""

    memory_root: bytes
    trace: bytes
    instruction: bytes
    instruction_proof: list[bytes]
    a: CellProof
    b: CellProof
    target: CellProof
