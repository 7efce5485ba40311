"""Keys and signatures against eth-account and eth-utils."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.protocol.errors import KeyMaterialError, SignatureError
from tallystick.protocol.keys import CURVE_ORDER, PrivateKey, parse_address, recover, to_checksum

DIGEST = bytes(range(32))
KEY = PrivateKey.from_seed("tests", "provider", 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, CURVE_ORDER - 1), st.binary(min_size=32, max_size=32))
def test_sign__any_key_and_digest__same_as_eth_account(scalar: int, digest: bytes) -> None:
    key = PrivateKey(scalar.to_bytes(32, "big"))
    expected = Account.unsafe_sign_hash(digest, key.secret)
    assert key.sign(digest) == bytes(expected.signature)
    assert recover(digest, key.sign(digest)) == key.address
    assert to_checksum(key.address) == Account.from_key(key.secret).address


def test_private_key__well_known__well_known_address() -> None:
    """The first development account of Anvil and Hardhat."""
    key = PrivateKey.from_hex("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n")
    assert to_checksum(key.address) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert "ac0974" not in repr(key)


def test_from_seed__same_path__same_key_and_no_collisions() -> None:
    paths = [("a",), ("a", 1), ("a", 11), ("a", "1", 1), ("a1",), ("b", 1)]
    keys = {PrivateKey.from_seed("seed", *path).secret for path in paths}
    assert len(keys) == len(paths)
    assert PrivateKey.from_seed("seed", "a", 1).secret == PrivateKey.from_seed("seed", "a", 1).secret
    assert PrivateKey.from_seed("other", "a", 1).secret not in keys


def malleated(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((55 - signature[64],))


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        KEY.sign(DIGEST)[:64],
        KEY.sign(DIGEST) + b"\0",
        malleated(KEY.sign(DIGEST)),
        KEY.sign(DIGEST)[:64] + b"\x00",
        KEY.sign(DIGEST)[:64] + b"\x1d",
        bytes(32) + KEY.sign(DIGEST)[32:],
        KEY.sign(DIGEST)[:32] + bytes(32) + b"\x1b",
        b"\xff" * 32 + KEY.sign(DIGEST)[32:],
        bytes(64) + b"\x1b",
    ],
    ids=[
        "empty",
        "64 bytes",
        "66 bytes",
        "high s",
        "v 0",
        "v 29",
        "r 0",
        "s 0",
        "r above the order",
        "all zero",
    ],
)
def test_recover__bad_signature__refused(signature: bytes) -> None:
    with pytest.raises(SignatureError) as caught:
        recover(DIGEST, signature)
    assert caught.value.code == "bad_signature"


def test_recover__other_digest__another_address() -> None:
    assert recover(bytes(31) + b"\x01", KEY.sign(DIGEST)) != KEY.address


def test_recover__digest_of_31_bytes__refused() -> None:
    with pytest.raises(SignatureError):
        recover(bytes(31), KEY.sign(DIGEST))
    with pytest.raises(SignatureError):
        KEY.sign(bytes(31))


@pytest.mark.parametrize("secret", [bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31])
def test_private_key__outside_the_curve__refused_without_showing_it(secret: bytes) -> None:
    with pytest.raises(KeyMaterialError) as caught:
        PrivateKey(secret)
    assert secret.hex() not in str(caught.value)


def test_from_hex__no_hex__refused_without_showing_it() -> None:
    with pytest.raises(KeyMaterialError) as caught:
        PrivateKey.from_hex("correct horse battery staple")
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(min_size=20, max_size=20))
def test_to_checksum__any_address__same_as_eth_utils_and_reads_back(address: bytes) -> None:
    text = to_checksum(address)
    assert text == to_checksum_address(address)
    assert parse_address(text) == parse_address(text.lower()) == address


@pytest.mark.parametrize(
    "text",
    [
        "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266",  # one letter in the wrong case
        "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x1234",
        "0x" + "g" * 40,
        "0x" + "1 " * 20,
        "",
    ],
)
def test_parse_address__wrong__bad_address(text: str) -> None:
    with pytest.raises(KeyMaterialError) as caught:
        parse_address(text)
    assert caught.value.code == "bad_address"
