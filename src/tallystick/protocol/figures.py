"""The bytes of a batch: figures (18 bytes each), leaves, root, and the running hash of simulated work.

A figure is an agreement's number (uint64) and its cumulative units (uint80), big-endian; numbers rise
strictly. Leaf i is keccak256(uint16 i ‖ figure ‖ outputRoot): 52 bytes, never an inner node's 64.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from . import merkle
from .constants import FIGURE_BYTES, OUTPUT_BYTES
from .errors import EncodingError
from .hashing import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FIGURE: Final = struct.Struct(">QHQ")
_LOW64: Final = 2**64 - 1

NO_OUTPUT: Final = bytes(32)
"""The running output hash before any work."""


class Figure(NamedTuple):
    """An agreement's number and the units delivered under it so far."""

    agreement: int
    units: int


def encode_figure(agreement: int, units: int) -> bytes:
    """18 bytes. Raises EncodingError when a number does not fit uint64 or uint80."""
    try:
        return _FIGURE.pack(agreement, units >> 64, units & _LOW64)
    except struct.error:
        raise EncodingError(f"Figure ({agreement}, {units}) does not fit uint64 and uint80.") from None


def encode_figures(figures: Iterable[tuple[int, int]]) -> bytes:
    """n x 18 bytes of (agreement, units), in the given order.

    Raises:
        EncodingError: A number is out of range, or the agreements do not rise strictly from 1 on.
    """
    parts = []
    previous = 0
    for agreement, units in figures:
        if agreement <= previous:
            raise EncodingError(f"Agreement numbers must rise strictly, but {agreement} follows {previous}.")
        previous = agreement
        parts.append(encode_figure(agreement, units))
    return b"".join(parts)


def decode_figures(data: bytes) -> list[Figure]:
    """The figures in `data`, order unchecked. Raises EncodingError when the length is no multiple of 18."""
    if len(data) % FIGURE_BYTES:
        raise EncodingError(f"{len(data)} bytes are no whole number of figures of {FIGURE_BYTES} bytes.")
    return [Figure(agreement, high << 64 | low) for agreement, high, low in _FIGURE.iter_unpack(data)]


def figures_hash(figures: bytes) -> bytes:
    """keccak256 of the encoded figures, as `Batch.figures` in EIP-712."""
    return keccak256(figures)


def leaf_hash(index: int, figure: bytes, output: bytes) -> bytes:
    """keccak256(uint16 index ‖ 18 bytes figure ‖ 32 bytes output)."""
    if len(figure) != FIGURE_BYTES or len(output) != OUTPUT_BYTES or not 0 <= index < 2**16:
        raise EncodingError(
            "A leaf is an index below 65 536, a figure of 18 bytes and an output of 32 bytes."
        )
    return keccak256(index.to_bytes(2, "big") + figure + output)


def leaves(figures: bytes, outputs: bytes) -> list[bytes]:
    """All leaf hashes of a batch. Raises EncodingError when the lengths do not fit each other."""
    count, rest = divmod(len(figures), FIGURE_BYTES)
    if rest or len(outputs) != count * OUTPUT_BYTES:
        raise EncodingError(
            f"{len(figures)} bytes of figures and {len(outputs)} bytes of outputs do not fit."
        )
    return [
        keccak256(
            i.to_bytes(2, "big")
            + figures[i * FIGURE_BYTES : (i + 1) * FIGURE_BYTES]
            + outputs[i * OUTPUT_BYTES : (i + 1) * OUTPUT_BYTES]
        )
        for i in range(count)
    ]


def batch_root(figures: bytes, outputs: bytes) -> bytes:
    """The Merkle root that `ReceiptLedger.post` computes from n x 18 and n x 32 bytes."""
    return merkle.root(leaves(figures, outputs))


def join_outputs(outputs: Sequence[bytes]) -> bytes:
    """n x 32 bytes. Raises EncodingError when one has another length."""
    if any(len(output) != OUTPUT_BYTES for output in outputs):
        raise EncodingError("Every output root has 32 bytes.")
    return b"".join(outputs)


def chain_output(previous: bytes, data: bytes) -> bytes:
    """The running output hash of simulated work from NO_OUTPUT on: keccak256(previous ‖ keccak256(data))."""
    if len(previous) != OUTPUT_BYTES:
        raise EncodingError("A running output hash has 32 bytes.")
    return keccak256(previous + keccak256(data))
