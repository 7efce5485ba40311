"""Keys that sign transactions. No `repr`, error or log shows one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tallystick.chain.abi import checksum
from tallystick.chain.errors import SignerProblem
from tallystick.protocol.errors import KeyMaterialError
from tallystick.protocol.keys import PrivateKey, to_checksum

__all__ = ["KeySigner", "SignedTransaction", "TransactionSigner", "secret_from_environment"]


class SignedTransaction(NamedTuple):
    """Bytes to broadcast, and the hash (0x…) that they will have on the chain."""

    raw: bytes
    hash: str


class TransactionSigner(Protocol):
    """What the sender and the transaction engine need of a key, wherever it is kept."""

    @property
    def address(self) -> str:
        """Checksummed address."""

    def sign_transaction(self, fields: Mapping[str, Any]) -> SignedTransaction:
        """Signs an EIP-1559 transaction given in JSON-RPC's names, numbers as ints, `data` as bytes."""


class KeySigner:
    """A signer whose key is in this process's memory."""

    __slots__ = ("_account", "key")

    def __init__(self, key: PrivateKey) -> None:
        self.key = key
        """The same key for EIP-712 digests (`key.sign(digest)`)."""
        self._account: LocalAccount = Account.from_key(key.secret)

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    @property
    def address(self) -> str:
        """Checksummed address."""
        return to_checksum(self.key.address)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """From 64 hex digits. Raises SignerProblem, without quoting them."""
        try:
            return cls(PrivateKey.from_hex(text))
        except KeyMaterialError as error:
            raise SignerProblem(error.message) from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """From a file that holds the hex digits and nothing else. Raises SignerProblem."""
        return cls.from_hex(_read(path))

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str] | None = None) -> Self:
        """From the variable `name`, or from the file that `name`_FILE names. Raises SignerProblem."""
        text = secret_from_environment(name, environment)
        if text is None:
            raise SignerProblem(f"no key: set {name} to its hex digits, or {name}_FILE to a file of them")
        return cls.from_hex(text)

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> Self:
        """From an encrypted keystore (Web3 Secret Storage, version 3). Raises SignerProblem."""
        try:
            return cls(PrivateKey(bytes(Account.decrypt(json.loads(_read(path)), password))))
        except (ValueError, TypeError, KeyError, NotImplementedError) as error:
            wrong = "MAC mismatch" in str(error)
            why = "the password is wrong" if wrong else "it is no keystore of version 3"
            raise SignerProblem(f"the keystore {path} cannot be opened: {why}") from None

    def to_keystore(self, password: str) -> dict[str, Any]:
        """The key encrypted under a password, as the content of a keystore file."""
        return dict(Account.encrypt(self.key.secret, password))

    def sign_transaction(self, fields: Mapping[str, Any]) -> SignedTransaction:
        """Signs. Raises SignerProblem when a field is missing or malformed, or `from` is another account."""
        content = {name: value for name, value in fields.items() if name != "from"}
        sender = fields.get("from")
        if sender is not None and str(sender).lower() != self.address.lower():
            raise SignerProblem(f"the transaction is from {sender}, but this key is {self.address}'s")
        if isinstance(content.get("to"), str):
            content["to"] = checksum(content["to"], "the transaction's receiver")
        try:
            signed = self._account.sign_transaction({"type": 2, **content})
        except (TypeError, ValueError, KeyError) as error:
            raise SignerProblem(f"the transaction cannot be signed: {error}") from error
        return SignedTransaction(bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex())


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SignerProblem(f"the key file {path} cannot be read: {why}") from None


def secret_from_environment(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The secret in the variable `name`, or in the file that `name`_FILE names; None when neither is set.

    Raises SignerProblem when both are set, or the file cannot be read.
    """
    variables = os.environ if environment is None else environment
    direct, file = variables.get(name), variables.get(f"{name}_FILE")
    if direct and file:
        raise SignerProblem(f"{name} and {name}_FILE are both set: unset one of them")
    if direct:
        return direct.strip()
    return _read(Path(file)) if file else None
