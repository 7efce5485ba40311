"""Batches' bytes and trees. The oracle builds the heap node by node, with another Keccak."""

from __future__ import annotations

import pytest
from Crypto.Hash import keccak as other_keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.protocol import figures, merkle
from tallystick.protocol.errors import EncodingError


def h(data: bytes) -> bytes:
    return other_keccak.new(digest_bits=256, data=data).digest()


def oracle_root(hashes: list[bytes]) -> bytes:
    """Recursive: node j has the children 2j + 1 and 2j + 2; nodes from n - 1 on are leaves, reversed."""
    count = len(hashes)
    by_place = {2 * count - 2 - i: leaf for i, leaf in enumerate(hashes)}

    def node(at: int) -> bytes:
        return by_place[at] if at in by_place else h(b"".join(sorted((node(2 * at + 1), node(2 * at + 2)))))

    return node(0)


A, B, C = (bytes([k]) * 32 for k in (3, 1, 2))


def test_root__one_leaf__the_leaf() -> None:
    assert merkle.root([A]) == A
    assert merkle.proof([A], 0) == []
    assert merkle.verify([], A, A)


def test_root__two_leaves__hash_of_both_the_smaller_first() -> None:
    assert merkle.root([A, B]) == h(B + A) == merkle.root([B, A])
    assert merkle.proof([A, B], 0) == [B]
    assert merkle.proof([A, B], 1) == [A]


def test_root__three_leaves__by_hand() -> None:
    """Places: C 2, B 3, A 4; node 1 = H(A, B) and the root = H(node 1, C)."""
    inner = h(B + A)
    assert merkle.tree([A, B, C]) == [h(b"".join(sorted((inner, C)))), inner, C, B, A]
    assert merkle.proof([A, B, C], 0) == [B, C]
    assert merkle.proof([A, B, C], 2) == [inner]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100, 255, 256, 257])
def test_proofs__every_leaf__verify_and_no_other_leaf_does(count: int) -> None:
    hashes = [h(bytes([i % 256, i // 256])) for i in range(count)]
    nodes = merkle.tree(hashes)
    assert nodes[0] == oracle_root(hashes)
    assert len(nodes) == 2 * count - 1
    for i, leaf in enumerate(hashes):
        proof = merkle.proof_from(nodes, i)
        assert merkle.verify(proof, nodes[0], leaf)
        assert not merkle.verify(proof, nodes[0], h(leaf))
        assert len(proof) <= count.bit_length()


def test_tree__no_leaves_or_no_such_leaf__refused() -> None:
    with pytest.raises(EncodingError):
        merkle.root([])
    for index in (-1, 2):
        with pytest.raises(EncodingError):
            merkle.proof([A, B], index)


def test_encode_figures__hand_worked__18_bytes_big_endian() -> None:
    data = figures.encode_figures([(1, 2), (0x0102030405060708, 0x0A0B_0C0D0E0F10111213)])
    assert (
        data.hex()
        == "0000000000000001" + "00000000000000000002" + "0102030405060708" + "0a0b0c0d0e0f10111213"
    )
    assert figures.decode_figures(data) == [(1, 2), (0x0102030405060708, 0x0A0B_0C0D0E0F10111213)]


@given(st.dictionaries(st.integers(1, 2**64 - 1), st.integers(0, 2**80 - 1), max_size=20))
def test_decode_figures__what_was_encoded__comes_back(pairs: dict[int, int]) -> None:
    rising = sorted(pairs.items())
    assert [tuple(f) for f in figures.decode_figures(figures.encode_figures(rising))] == rising


@pytest.mark.parametrize(
    "pairs", [[(0, 1)], [(2, 1), (1, 1)], [(1, 1), (1, 2)], [(2**64, 1)], [(1, 2**80)], [(1, -1)], [(-1, 1)]]
)
def test_encode_figures__not_rising_or_out_of_range__refused(pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(EncodingError):
        figures.encode_figures(pairs)


def test_decode_figures__torn__refused() -> None:
    with pytest.raises(EncodingError):
        figures.decode_figures(bytes(19))


def test_leaf_hash__hand_worked__52_bytes_bound_to_the_place() -> None:
    figure, output = figures.encode_figure(1, 2), b"\x07" * 32
    assert figures.leaf_hash(258, figure, output) == h(b"\x01\x02" + figure + output)
    assert figures.leaf_hash(0, figure, output) != figures.leaf_hash(1, figure, output)
    for args in (
        (0, figure[:17], output),
        (0, figure, output[:31]),
        (65_536, figure, output),
        (-1, figure, output),
    ):
        with pytest.raises(EncodingError):
            figures.leaf_hash(*args)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**80 - 1), st.binary(min_size=32, max_size=32)), min_size=1, max_size=40
    )
)
def test_batch_root__any_batch__equals_the_oracle(items: list[tuple[int, bytes]]) -> None:
    encoded = figures.encode_figures((i + 1, units) for i, (units, _) in enumerate(items))
    outputs = figures.join_outputs([output for _, output in items])
    hashes = [
        h(i.to_bytes(2, "big") + (i + 1).to_bytes(8, "big") + units.to_bytes(10, "big") + output)
        for i, (units, output) in enumerate(items)
    ]
    assert figures.batch_root(encoded, outputs) == oracle_root(hashes)
    assert figures.figures_hash(encoded) == h(encoded)


def test_leaves__lengths_do_not_fit__refused() -> None:
    with pytest.raises(EncodingError):
        figures.leaves(bytes(36), bytes(32))
    with pytest.raises(EncodingError):
        figures.leaves(bytes(35), bytes(64))
    with pytest.raises(EncodingError):
        figures.join_outputs([bytes(31)])


def test_chain_output__two_steps__hash_of_previous_and_of_the_data() -> None:
    first = figures.chain_output(figures.NO_OUTPUT, b"row 1")
    assert first == h(bytes(32) + h(b"row 1"))
    assert figures.chain_output(first, b"row 2") == h(first + h(b"row 2"))
    with pytest.raises(EncodingError):
        figures.chain_output(b"", b"row 1")
