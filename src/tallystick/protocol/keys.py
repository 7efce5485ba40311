"""secp256k1 keys, signatures and addresses. Pure: keys come from the caller or a seed."""

from __future__ import annotations

from typing import Final

import coincurve

from .errors import KeyMaterialError, SignatureError
from .hashing import keccak256

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER: Final = CURVE_ORDER // 2
ZERO_ADDRESS: Final = bytes(20)


class PrivateKey:
    """A secp256k1 key. Its `repr` shows the address only.

    Args:
        secret: 32 bytes, as an integer between 1 and the order of the curve - 1.

    Raises:
        KeyMaterialError: `bad_key`; the message does not quote the secret.
    """

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
            raise KeyMaterialError(
                "bad_key", "A private key is 32 bytes, above zero and below the curve's order."
            )
        self._key = coincurve.PrivateKey(secret)
        self.address: bytes = _address(self._key.public_key)

    @classmethod
    def from_hex(cls, text: str) -> PrivateKey:
        """Reads 64 hexadecimal digits, with or without 0x and surrounding white space."""
        try:
            secret = bytes.fromhex(text.strip().removeprefix("0x"))
        except ValueError:
            raise KeyMaterialError("bad_key", "A private key is written as 64 hexadecimal digits.") from None
        return cls(secret)

    @classmethod
    def from_seed(cls, seed: str, *path: str | int) -> PrivateKey:
        """The same key for the same seed and path, everywhere. For simulations and tests only."""
        label = "\x1f".join(["tallystick simulation key", seed, *map(str, path)]).encode()
        scalar = int.from_bytes(keccak256(label) + keccak256(label + b"\x1f"), "big")
        return cls((1 + scalar % (CURVE_ORDER - 1)).to_bytes(32, "big"))

    @property
    def secret(self) -> bytes:
        """The 32 secret bytes."""
        return self._key.secret

    def sign(self, digest: bytes) -> bytes:
        """Signs a 32-byte digest (RFC 6979). Returns 65 bytes r ‖ s ‖ v, s in the lower half, v 27 or 28."""
        if len(digest) != 32:
            raise SignatureError("Only a digest of 32 bytes can be signed.")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def __repr__(self) -> str:
        return f"PrivateKey({to_checksum(self.address)})"


def recover(digest: bytes, signature: bytes) -> bytes:
    """The 20-byte address whose key signed `digest`; the rules are those of OpenZeppelin's ECDSA.

    Raises:
        SignatureError: Not 65 bytes, v not 27 or 28, r or s out of range, high s, or no key fits.
    """
    if len(signature) != 65:
        raise SignatureError(f"A signature has 65 bytes, not {len(signature)}.")
    v = signature[64]
    if v not in (27, 28):
        raise SignatureError(f"The last byte of a signature is 27 or 28, not {v}.")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise SignatureError(
            "The signature's s is in the upper half of the curve's order; only the lower one counts."
        )
    try:
        key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes((v - 27,)), digest, hasher=None
        )
    except Exception:  # noqa: BLE001 - coincurve raises bare Exception and ValueError for what libsecp256k1 rejects
        raise SignatureError("No key made this signature.") from None
    return _address(key)


def _address(key: coincurve.PublicKey) -> bytes:
    return keccak256(key.format(compressed=False)[1:])[12:]


def to_checksum(address: bytes) -> str:
    """EIP-55: 0x and 40 digits, whose capitals carry a checksum."""
    if len(address) != 20:
        raise KeyMaterialError("bad_address", f"An address has 20 bytes, not {len(address)}.")
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble > "7" else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def parse_address(text: str) -> bytes:
    """Reads an address; digits in mixed case must carry the right EIP-55 checksum.

    Raises:
        KeyMaterialError: `bad_address`.
    """
    digits = text.strip()
    if len(digits) != 42 or digits[:2] != "0x":
        raise KeyMaterialError(
            "bad_address", f"'{text[:60]}' is not an address: 0x and 40 hexadecimal digits."
        )
    try:
        address = bytes.fromhex(digits[2:])
    except ValueError:
        address = b""
    if len(address) != 20:
        raise KeyMaterialError(
            "bad_address", f"'{text[:60]}' is not an address: 0x and 40 hexadecimal digits."
        )
    if digits[2:] not in (digits[2:].lower(), digits[2:].upper()) and digits != to_checksum(address):
        raise KeyMaterialError(
            "bad_address", f"The checksum of address {digits} is wrong; a digit may be mistyped."
        )
    return address
