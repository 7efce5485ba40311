"""Errors with stable codes. Every layer above shows `code` to machines and the message to people."""

from __future__ import annotations


class TallystickError(Exception):
    """Base of all errors that Tallystick raises on purpose.

    Args:
        code: Stable, lower-case identifier (or a contract error's name); never reworded once released.
        message: One sentence that says what is wrong and, where possible, what to do about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class AmountError(TallystickError):
    """An amount of money that cannot be read. Code `bad_amount`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_amount", message)


class EncodingError(TallystickError):
    """A value that does not fit its bytes, or bytes that do not decode. Code `bad_encoding`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_encoding", message)


class SignatureError(TallystickError):
    """A signature that is malformed or proves nothing. Code `bad_signature`."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_signature", message)


class KeyMaterialError(TallystickError):
    """A private key or an address that is none. Code `bad_key` or `bad_address`. Never quotes the key."""


class Refused(TallystickError):
    """The model refuses a call exactly where the contract reverts.

    Args:
        code: Name of the Solidity error, e.g. `Escrow_NotEnoughFree`.
        message: Which figures led to it.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message or "The contract would revert.")


class InvariantBroken(TallystickError):
    """The model's books contradict themselves. Code `invariant_broken`; `invariant` names which one."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__("invariant_broken", f"{invariant}: {message}")
        self.invariant = invariant
