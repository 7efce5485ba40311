"""`Credentials`: signed, expiring, revocable statements about addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import constants
from ..enums import CredentialFault, CredentialKind, HardwareClass
from ..errors import Refused
from .tokens import ZERO_ADDRESS, Address

UNBOUND = bytes(32)
Place = tuple[Address, CredentialKind, Address, bytes]
"""Issuer, kind, subject, binding: what a record is by."""


class SignedCredential(NamedTuple):
    """A credential as posted; `signed`: its issuer's signature is good. The caller counts as its own."""

    issuer: Address
    kind: CredentialKind
    subject: Address
    binding: bytes = UNBOUND
    value: bytes = bytes(32)
    expires_at: int = constants.UINT40_MAX
    nonce: int = 1
    signed: bool = True


class SignedRevocation(NamedTuple):
    """A revocation as posted."""

    issuer: Address
    kind: CredentialKind
    subject: Address
    binding: bytes = UNBOUND
    nonce: int = 1
    signed: bool = True


class CredentialRecord(NamedTuple):
    """Good from `valid_from` on, before `expires_at`, and before `revoked_at` unless that is 0."""

    valid_from: int = 0
    expires_at: int = 0
    revoked_at: int = 0
    nonce: int = 0
    value: bytes = bytes(32)

    def is_good(self, time: int) -> bool:
        """Whether it is good at `time`."""
        before_end = time < self.expires_at and (self.revoked_at == 0 or time < self.revoked_at)
        return self.valid_from != 0 and self.valid_from <= time and before_end


@dataclass
class Credentials:
    """Records by issuer, kind, subject and binding. Anyone posts what an issuer signed."""

    records: dict[Place, CredentialRecord] = field(default_factory=dict)
    accepted: dict[Place, list[int]] = field(default_factory=dict)
    """Every nonce that was ever taken, in order; only the invariants read it."""

    def record_of(
        self, issuer: Address, kind: CredentialKind, subject: Address, binding: bytes = UNBOUND
    ) -> CredentialRecord:
        """The record; all zero when there is none."""
        return self.records.get((issuer, kind, subject, binding), CredentialRecord())

    def is_valid(
        self, issuer: Address, kind: CredentialKind, subject: Address, binding: bytes, time: int
    ) -> bool:
        """Whether a credential is good at `time`."""
        return self.record_of(issuer, kind, subject, binding).is_good(time)

    def is_valid_as(
        self,
        issuer: Address,
        kind: CredentialKind,
        subject: Address,
        binding: bytes,
        value: bytes,
        time: int,
    ) -> bool:
        """As `is_valid`, with `value` as the only value that counts; zeros: any."""
        record = self.record_of(issuer, kind, subject, binding)
        return record.is_good(time) and (not any(value) or record.value == value)

    def meets(self, issuer: Address, mask: int, subject: Address, *, now: int) -> bool:
        """Whether `subject` has all unbound credentials of `mask` now."""
        kinds = [kind for kind in CredentialKind if mask >> kind & 1]
        return all(self.is_valid(issuer, kind, subject, UNBOUND, now) for kind in kinds)

    def meets_as(
        self,
        issuer: Address,
        mask: int,
        subject: Address,
        hardware_class: HardwareClass,
        region: int,
        *,
        now: int,
    ) -> bool:
        """As `meets`; class and region must be those that the operator is registered with."""
        values = {
            CredentialKind.HARDWARE_CLASS: int(hardware_class).to_bytes(32, "big"),
            CredentialKind.REGION: region.to_bytes(32, "big"),
        }
        stated = all(
            self.record_of(issuer, kind, subject).value == value
            for kind, value in values.items()
            if mask >> kind & 1
        )
        return stated and self.meets(issuer, mask, subject, now=now)

    def post(self, items: Sequence[SignedCredential], *, caller: Address, now: int) -> list[CredentialFault]:
        """Posts credentials, at most 256; what became of each."""
        _check_items(len(items))
        return [self._post_one(item, caller, now) for item in items]

    def _post_one(self, item: SignedCredential, caller: Address, now: int) -> CredentialFault:
        place = (item.issuer, item.kind, item.subject, item.binding)
        fault = self._fault_of(place, item.nonce)
        if fault == CredentialFault.NONE and now >= item.expires_at:
            fault = CredentialFault.EXPIRED
        if fault == CredentialFault.NONE and not item.signed and caller != item.issuer:
            fault = CredentialFault.BAD_SIGNATURE
        if fault == CredentialFault.NONE:
            before = self.records.get(place, CredentialRecord())
            renewed = before.is_good(now) and before.value == item.value  # what it backed stays backed
            since = before.valid_from if renewed else now
            self.records[place] = CredentialRecord(since, item.expires_at, 0, item.nonce, item.value)
            self.accepted.setdefault(place, []).append(item.nonce)
        return fault

    def revoke(
        self, items: Sequence[SignedRevocation], *, caller: Address, now: int
    ) -> list[CredentialFault]:
        """Posts revocations, at most 256; they take effect at once."""
        _check_items(len(items))
        return [self._revoke_one(item, caller, now) for item in items]

    def _revoke_one(self, item: SignedRevocation, caller: Address, now: int) -> CredentialFault:
        place = (item.issuer, item.kind, item.subject, item.binding)
        fault = self._fault_of(place, item.nonce)
        if fault == CredentialFault.NONE and not item.signed and caller != item.issuer:
            fault = CredentialFault.BAD_SIGNATURE
        if fault == CredentialFault.NONE:
            record = self.records.get(place, CredentialRecord())
            since = record.revoked_at or now  # an end once set never moves
            self.records[place] = record._replace(revoked_at=since, nonce=item.nonce)
            self.accepted.setdefault(place, []).append(item.nonce)
        return fault

    def _fault_of(self, place: Place, nonce: int) -> CredentialFault:
        _, kind, subject, binding = place
        if subject == ZERO_ADDRESS:
            return CredentialFault.ZERO_SUBJECT
        if any(binding) != (kind == CredentialKind.TEE):
            return CredentialFault.BAD_BINDING
        if nonce <= self.records.get(place, CredentialRecord()).nonce:
            return CredentialFault.STALE_NONCE
        return CredentialFault.NONE


def _check_items(items: int) -> None:
    if items > constants.MAX_OPEN_ITEMS:
        raise Refused("Credentials_TooManyItems", f"{items} items; {constants.MAX_OPEN_ITEMS} at most.")
