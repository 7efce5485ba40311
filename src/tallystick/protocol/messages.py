"""Receipts, verdicts and credentials as they come in: JSON to checked fields, struct hash and signer. Pure, and quick.

One object or one line becomes a `SignedReceipt`, `SignedVerdict` or `SignedStatement`, or an `Outcome` that says
why not. Nothing here knows agreements: that is the relayer's ingest, or the watcher's evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

import msgspec

from .constants import UINT16_MAX, UINT32_MAX, UINT40_MAX, UINT64_MAX
from .eip712 import Credential, Domain, Receipt, Revocation, Verdict, digest
from .enums import CredentialKind
from .errors import SignatureError
from .keys import recover

MAX_UNITS: Final = 2**63 - 1
"""More does not fit the store; such a receipt is refused with `units_out_of_range`."""

MAX_NONCE: Final = 2**63 - 1
"""Highest nonce of a credential or revocation that fits the store; the contract takes one bit more."""

MAX_LINES: Final = 131_072
"""Lines that one NDJSON body may have, blank ones included."""

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
REJECTED: Final = "rejected"


class Outcome(msgspec.Struct, omit_defaults=True, gc=False):
    """The answer to one item. `line` counts from 1 in a body; `id` is the EIP-712 struct hash, 0x-hex."""

    line: int
    status: str
    id: str = ""
    code: str = ""
    message: str = ""


class SignedReceipt(NamedTuple):
    """A well-formed receipt. `signer`: the address whose key signed; None when the signature is invalid."""

    line: int
    receipt: Receipt
    hash: bytes
    signature: bytes
    signer: bytes | None


class SignedVerdict(NamedTuple):
    """A well-formed verdict; fields as in `SignedReceipt`."""

    line: int
    verdict: Verdict
    hash: bytes
    signature: bytes
    signer: bytes | None


class SignedStatement(NamedTuple):
    """A well-formed credential or revocation; fields as in `SignedReceipt`."""

    line: int
    statement: Credential | Revocation
    hash: bytes
    signature: bytes
    signer: bytes | None


class _ReceiptJson(msgspec.Struct, rename="camel", gc=False):
    agreement: int | str
    units: int | str
    period_start: int
    period_end: int
    output_root: str
    exclusive: bool
    signature: str


class _VerdictJson(msgspec.Struct, rename="camel", gc=False):
    agreement: int | str
    units: int | str
    output_root: str
    valid: bool
    verifier_version: int
    confidence: int
    signature: str


class _CredentialJson(msgspec.Struct, rename="camel", gc=False, tag_field="type", tag="credential"):
    issuer: str
    kind: int
    subject: str
    binding: str
    value: str
    expires_at: int
    nonce: int | str
    signature: str


class _RevocationJson(msgspec.Struct, rename="camel", gc=False, tag_field="type", tag="revocation"):
    issuer: str
    kind: int
    subject: str
    binding: str
    nonce: int | str
    signature: str


class _BadFieldError(Exception):
    def __init__(self, message: str, code: str = "bad_field") -> None:
        super().__init__(message)
        self.code = code


_T = TypeVar("_T")
_read_receipt = msgspec.json.Decoder(_ReceiptJson).decode
_read_verdict = msgspec.json.Decoder(_VerdictJson).decode
_read_statement = msgspec.json.Decoder(_CredentialJson | _RevocationJson).decode
_skim = msgspec.json.Decoder(msgspec.Raw).decode


def lines_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of an NDJSON body that are not blank, numbered from 1, blank ones counted."""
    number, start, size = 0, 0, len(body)
    while start < size:
        number += 1
        end = body.find(b"\n", start)
        end = size if end < 0 else end
        content = body[start:end].strip()
        if content:
            yield number, content
        start = end + 1


def rejected(line: int, code: str, message: str, hash_: bytes | None = None) -> Outcome:
    """A refusal with a stable code and a sentence."""
    return Outcome(line, REJECTED, "" if hash_ is None else "0x" + hash_.hex(), code, message)


def parse_receipt(domain: Domain, line: int, content: bytes) -> SignedReceipt | Outcome:
    """Reads, hashes and recovers one receipt. Codes: `malformed_json`, `bad_field`, `units_out_of_range`,
    `bad_signature` (not 65 bytes of hex; what is well-formed but proves nothing has `signer` None)."""
    parsed = _decode(_read_receipt, line, content)
    if isinstance(parsed, Outcome):
        return parsed
    try:
        receipt = Receipt(
            _number("agreement", parsed.agreement),
            _units(parsed.units),
            _small("periodStart", parsed.period_start, UINT32_MAX),
            _small("periodEnd", parsed.period_end, UINT32_MAX),
            _root(parsed.output_root),
            parsed.exclusive,
        )
        signature = _signature(parsed.signature)
    except _BadFieldError as problem:
        return rejected(line, problem.code, str(problem))
    hash_ = receipt.hash_struct()
    return SignedReceipt(line, receipt, hash_, signature, _signer(domain, hash_, signature))


def parse_verdict(domain: Domain, line: int, content: bytes) -> SignedVerdict | Outcome:
    """Reads, hashes and recovers one verdict. Codes as in `parse_receipt`."""
    parsed = _decode(_read_verdict, line, content)
    if isinstance(parsed, Outcome):
        return parsed
    try:
        verdict = Verdict(
            _number("agreement", parsed.agreement),
            _units(parsed.units, least=1 if parsed.valid else 0),
            _root(parsed.output_root),
            parsed.valid,
            _small("verifierVersion", parsed.verifier_version, UINT32_MAX),
            _small("confidence", parsed.confidence, UINT16_MAX),
        )
        signature = _signature(parsed.signature)
    except _BadFieldError as problem:
        return rejected(line, problem.code, str(problem))
    hash_ = verdict.hash_struct()
    return SignedVerdict(line, verdict, hash_, signature, _signer(domain, hash_, signature))


def parse_statement(domain: Domain, line: int, content: bytes) -> SignedStatement | Outcome:
    """Reads, hashes and recovers one credential or revocation. Codes: `malformed_json`, `bad_field`, `bad_binding` (TEE
    without an agreement, or another kind with one), `bad_signature` as in `parse_receipt`."""
    parsed = _decode(_read_statement, line, content)
    if isinstance(parsed, Outcome):
        return parsed
    try:
        issuer, kind = _address("issuer", parsed.issuer), _kind(parsed.kind)
        subject, binding = _address("subject", parsed.subject), _word("binding", parsed.binding)
        if any(binding) != (kind == CredentialKind.TEE):
            raise _BadFieldError(
                "binding is the agreement's number for kind 9 (TEE), and zeros for any other kind.",
                "bad_binding",
            )
        nonce = _whole("nonce", parsed.nonce)
        if not 1 <= nonce <= MAX_NONCE:
            raise _BadFieldError(f"nonce is a whole number from 1 to 2^63 - 1 = {MAX_NONCE}.")
        statement: Credential | Revocation
        if isinstance(parsed, _CredentialJson):
            value = _word("value", parsed.value)
            expires_at = _small("expiresAt", parsed.expires_at, UINT40_MAX)
            statement = Credential(issuer, kind, subject, binding, value, expires_at, nonce)
        else:
            statement = Revocation(issuer, kind, subject, binding, nonce)
        signature = _signature(parsed.signature)
    except _BadFieldError as problem:
        return rejected(line, problem.code, str(problem))
    hash_ = statement.hash_struct()
    return SignedStatement(line, statement, hash_, signature, _signer(domain, hash_, signature))


def _decode(read: Callable[[bytes], _T], line: int, content: bytes) -> _T | Outcome:
    try:
        if not content.isascii():
            content.decode()  # the decoder skips unknown fields without looking at their bytes
        try:
            return read(content)
        except msgspec.ValidationError as problem:
            _skim(content)  # is it JSON at all? The fields were looked at before the rest was read
            return rejected(line, "bad_field", f"{problem}.")
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        return rejected(line, "malformed_json", f"This is not JSON in UTF-8: {_brief(problem)}.")
    except (RecursionError, ValueError):
        return rejected(line, "malformed_json", "This JSON nests too deeply, or has too long a number.")


def _brief(problem: Exception) -> str:
    if isinstance(problem, UnicodeDecodeError):
        return f"{problem.reason} (byte {problem.start})"
    return str(problem)


def _number(name: str, value: int | str) -> int:
    number = _whole(name, value)
    if not 0 <= number <= UINT64_MAX:
        raise _BadFieldError(f"{name} is a number of 64 bits.")
    return number


def _units(value: int | str, least: int = 1) -> int:
    """A verdict that rejects a figure says how much of it is valid, which may be nothing."""
    units = _whole("units", value)
    if units < least:
        raise _BadFieldError(f"units is a whole number from {least}: the total delivered so far.")
    if units > MAX_UNITS:
        raise _BadFieldError(f"units must not be above 2^63 - 1 = {MAX_UNITS}.", "units_out_of_range")
    return units


def _whole(name: str, value: int | str) -> int:
    if isinstance(value, int):
        return value
    if not (value.isascii() and value.isdigit() and len(value) <= 80):
        raise _BadFieldError(f"{name} is a whole number, or its decimal digits as a string.")
    return int(value)


def _small(name: str, value: int, most: int) -> int:
    if not 0 <= value <= most:
        raise _BadFieldError(f"{name} is a whole number from 0 to {most}.")
    return value


def _root(text: str) -> bytes:
    return _word("outputRoot", text)


def _word(name: str, text: str) -> bytes:
    word = _hex(text)
    if word is None or len(word) != 32 or len(text) != 66:
        raise _BadFieldError(f"{name} is 32 bytes: 0x and 64 hexadecimal digits.")
    return word


def _address(name: str, text: str) -> bytes:
    address = _hex(text)
    if address is None or len(address) != 20 or len(text) != 42 or not any(address):
        raise _BadFieldError(f"{name} is an address other than zero: 0x and 40 hexadecimal digits.")
    return address


def _kind(value: int) -> int:
    last = max(CredentialKind)
    if not 0 <= value <= last:
        raise _BadFieldError(f"kind is the number of a kind of credential: 0 to {last}.")
    return value


def _signature(text: str) -> bytes:
    signature = _hex(text)
    if signature is None or len(signature) != 65 or len(text) != 132:
        raise _BadFieldError(
            "signature is 65 bytes, r, s, v: 0x and 130 hexadecimal digits.", "bad_signature"
        )
    return signature


def _hex(text: str) -> bytes | None:
    if text[:2] != "0x":
        return None
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return None


def _signer(domain: Domain, hash_: bytes, signature: bytes) -> bytes | None:
    try:
        return recover(digest(domain, hash_), signature)
    except SignatureError:
        return None
