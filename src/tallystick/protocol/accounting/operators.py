"""Operators of `Staking`: who they are, their keys, where their supply comes from, their consents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .. import constants
from ..enums import ROLES_ALL, HardwareClass, KeyKind, Role
from ..errors import Refused
from .tokens import ZERO_ADDRESS, Address, Currency

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Operator:
    """An operator; parts in µ. `staked_in` and `taken_out` count independently, for the invariants alone."""

    owner: Address
    roles: Role
    hardware_class: HardwareClass
    region: int
    source: int
    metadata: bytes
    signer_threshold: int = 1
    free: int = 0
    pledged: int = 0
    reserved: int = 0
    thawing: int = 0
    thaw_ends: int = 0
    lent: int = 0
    """µ of pledges that self-posts' bonds borrow: pledged + lent = what all agreements together pledge."""
    staked_in: int = 0
    taken_out: int = 0

    @property
    def stake(self) -> int:
        """µ of all four parts."""
        return self.free + self.pledged + self.reserved + self.thawing


class KeyValidity(NamedTuple):
    """When a key is good: from `valid_from` on, and before `revoked_at` unless that is 0."""

    valid_from: int
    revoked_at: int


class Source(NamedTuple):
    """A network whose supply comes in through an aggregator."""

    owner: Address
    fee_recipient: Address
    metadata: bytes


@dataclass(frozen=True)
class StakingParameters:
    """Constructor parameters, in seconds and µ."""

    thaw_period: int = constants.THAW_PERIOD
    max_liability: int = constants.MAX_LIABILITY
    max_pause: int = constants.MAX_PAUSE
    key_revocation_delay: int = constants.KEY_REVOCATION_DELAY
    min_provider: int = constants.MIN_STAKE_PROVIDER
    min_verifier: int = constants.MIN_STAKE_VERIFIER
    min_relayer: int = constants.MIN_STAKE_RELAYER


@dataclass
class OperatorRegistry:
    """Operators by number, from 1; their keys, sources and consents."""

    currency: Currency
    admin: Address
    address: Address
    escrow: Address
    ledger: Address
    court: Address
    challenges: Address
    insurance: Address
    parameters: StakingParameters = field(default_factory=StakingParameters)
    operators: list[Operator] = field(default_factory=list)
    keys: dict[tuple[int, KeyKind, Address], KeyValidity] = field(default_factory=dict)
    credits: dict[Address, int] = field(default_factory=dict)
    credits_claimed: int = 0
    sources: list[Source] = field(default_factory=list)
    consents: set[tuple[int, int]] = field(default_factory=set)
    """(operator, account): the payee's owner may ask for instant releases."""

    def __post_init__(self) -> None:
        p = self.parameters
        if p.thaw_period <= p.max_liability + p.max_pause:
            raise Refused("Staking_ThawTooShort", f"{p.thaw_period} s of thaw end before a dispute may.")

    # Reads

    def count(self) -> int:
        """How many operators there are."""
        return len(self.operators)

    def find(self, operator: int) -> Operator | None:
        """The operator, or None."""
        return self.operators[operator - 1] if 1 <= operator <= len(self.operators) else None

    def owner_of(self, operator: int) -> Address:
        """Owner of `operator`, the zero address when unknown."""
        found = self.find(operator)
        return found.owner if found else ZERO_ADDRESS

    def minimum_stake(self, roles: int) -> int:
        """µ of minimum free stake for the highest of `roles`."""
        p = self.parameters
        minima = {Role.PROVIDER: p.min_provider, Role.VERIFIER: p.min_verifier, Role.RELAYER: p.min_relayer}
        return max((minimum for role, minimum in minima.items() if roles & role), default=0)

    def is_active(self, operator: int, role: int) -> bool:
        """Whether `operator` has `role` and enough free stake for it."""
        found = self.find(operator)
        if found is None or role == 0:
            return False
        return found.roles & role == role and found.free >= self.minimum_stake(role)

    def key_validity(self, operator: int, kind: KeyKind, key: Address) -> KeyValidity:
        """Both zero for a key that was never authorised."""
        return self.keys.get((operator, kind, key), KeyValidity(0, 0))

    def is_key_valid(self, operator: int, kind: KeyKind, key: Address, time: int) -> bool:
        """Whether `key` is good at `time`."""
        start, end = self.key_validity(operator, kind, key)
        return start != 0 and start <= time and (end == 0 or time < end)

    def total_stake(self) -> int:
        """µ of all stakes."""
        return sum(operator.stake for operator in self.operators)

    def total_credits(self) -> int:
        """µ of all unclaimed credits."""
        return sum(self.credits.values())

    # Operators and their keys

    def register(
        self,
        roles: int,
        hardware_class: HardwareClass,
        region: int = 0,
        source: int = 0,
        metadata: bytes = bytes(32),
        *,
        caller: Address,
    ) -> int:
        """Registers the caller as the owner of a new operator and returns its number."""
        provides = bool(roles & Role.PROVIDER)
        if not 0 < roles <= ROLES_ALL or provides == (hardware_class == HardwareClass.NONE):
            raise Refused("Staking_BadRegistration", f"Roles {roles} with hardware class {hardware_class}.")
        if source > len(self.sources):
            raise Refused("Staking_UnknownSource", f"There is no source {source}.")
        self.operators.append(Operator(caller, Role(roles), hardware_class, region, source, metadata))
        return len(self.operators)

    def authorise_key(self, operator: int, kind: KeyKind, key: Address, *, caller: Address, now: int) -> None:
        """Lets `key` sign for `operator` from now on; a revoked key never comes back."""
        self._owned(operator, caller)
        if key == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        if (operator, kind, key) in self.keys:
            raise Refused(
                "Staking_KeyAlreadyAuthorised", f"{key} is a {kind.name} key of {operator} already."
            )
        self.keys[operator, kind, key] = KeyValidity(now, 0)

    def revoke_key(self, operator: int, kind: KeyKind, key: Address, *, caller: Address, now: int) -> None:
        """Revokes a key: DEVICE after the delay, VERIFIER and SIGNER at once."""
        self._owned(operator, caller)
        validity = self.key_validity(operator, kind, key)
        if validity.valid_from == 0:
            raise Refused("Staking_KeyUnknown", f"{key} is no {kind.name} key of {operator}.")
        if validity.revoked_at != 0:
            raise Refused("Staking_KeyAlreadyRevoked", f"{key} ends at {validity.revoked_at} already.")
        delay = self.parameters.key_revocation_delay if kind == KeyKind.DEVICE else 0
        self.keys[operator, kind, key] = validity._replace(revoked_at=now + delay)

    def set_signer_threshold(self, operator: int, threshold: int, *, caller: Address) -> None:
        """Sets how many signer keys must sign a batch, at least 1."""
        found = self._owned(operator, caller)
        if threshold == 0:
            raise Refused("Staking_BadThreshold", "A batch needs one signature at least.")
        found.signer_threshold = threshold

    def authorise_keys(
        self, operator: int, kind: KeyKind, keys: Sequence[Address], *, caller: Address, now: int
    ) -> None:
        """As `authorise_key` for at most 256 keys of one kind; all or none."""
        self._owned(operator, caller)
        if len(keys) > constants.MAX_OPEN_ITEMS:
            raise Refused("Staking_TooManyItems", f"{len(keys)} keys; {constants.MAX_OPEN_ITEMS} at most.")
        before = self.keys.copy()
        try:
            for key in keys:
                self.authorise_key(operator, kind, key, caller=caller, now=now)
        except Refused:
            self.keys = before
            raise

    def resign(self, operator: int, *, caller: Address, now: int) -> None:
        """Ends all roles for good and thaws the whole free stake."""
        found = self._owned(operator, caller)
        if not found.roles:
            raise Refused("Staking_AlreadyResigned", f"Operator {operator} has no role any more.")
        found.roles = Role(0)
        if found.free:
            found.thawing, found.free = found.thawing + found.free, 0
            found.thaw_ends = now + self.parameters.thaw_period

    def set_release_consent(self, operator: int, account: int, allowed: bool, *, caller: Address) -> None:
        """Lets the owner of the payee `account` ask for releases against this stake, or no longer."""
        self._owned(operator, caller)
        (self.consents.add if allowed else self.consents.discard)((operator, account))

    def release_consent(self, operator: int, account: int) -> bool:
        """Whether the owner of `account` may ask for releases against this stake."""
        return (operator, account) in self.consents

    def register_source(self, fee_recipient: Address, metadata: bytes = bytes(32), *, caller: Address) -> int:
        """Registers a network whose supply comes in here, and returns its number, from 1."""
        if fee_recipient == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        self.sources.append(Source(caller, fee_recipient, metadata))
        return len(self.sources)

    def set_source_recipient(self, source: int, fee_recipient: Address, *, caller: Address) -> None:
        """Changes a source's fee recipient. The source's owner only."""
        found = self.sources[source - 1] if 1 <= source <= len(self.sources) else None
        if found is None or caller != found.owner:
            raise Refused("Staking_NotSourceOwner", f"{caller} does not own source {source}.")
        if fee_recipient == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        self.sources[source - 1] = found._replace(fee_recipient=fee_recipient)

    def _owned(self, operator: int, caller: Address) -> Operator:
        found = self.find(operator)
        if found is None or found.owner != caller:
            raise Refused("Staking_NotOwner", f"{caller} does not own operator {operator}.")
        return found
