"""`Staking`: collateral of operators, in µ. stake = free + pledged + reserved + thawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .. import constants
from ..amounts import ceil_bps
from ..enums import ROLES_ALL, HardwareClass, KeyKind, Role
from ..errors import Refused
from .policies import check_role
from .tokens import ZERO_ADDRESS, Address, Currency


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


class SlashOrder(NamedTuple):
    """One slash, as `SlashOrder` in `DataTypes.sol`."""

    operator: int
    amount: int
    victim: Address = ZERO_ADDRESS
    loss: int = 0
    challenger: Address = ZERO_ADDRESS
    reward_bps: int = 0
    reason: int = 0


class Slashed(NamedTuple):
    """What one slash did, in µ."""

    operator: int
    from_free: int
    from_thawing: int
    to_victim: int
    to_challenger: int
    to_insurance: int
    loss: int

    @property
    def taken(self) -> int:
        """µ taken in all."""
        return self.from_free + self.from_thawing


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
class Staking:
    """Operators by number, from 1; their keys; credits from slashes."""

    currency: Currency
    admin: Address
    address: Address
    escrow: Address
    insurance: Address
    parameters: StakingParameters = field(default_factory=StakingParameters)
    operators: list[Operator] = field(default_factory=list)
    keys: dict[tuple[int, KeyKind, Address], KeyValidity] = field(default_factory=dict)
    credits: dict[Address, int] = field(default_factory=dict)
    slashes: list[Slashed] = field(default_factory=list)
    credits_claimed: int = 0

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

    # Stake

    def stake(self, operator: int, amount: int, *, caller: Address) -> None:
        """Adds `amount` µ of the caller to the free stake of `operator`."""
        found = self.find(operator)
        if found is None:
            raise Refused("Staking_UnknownOperator", f"There is no operator {operator}.")
        if amount == 0:
            raise Refused("Staking_ZeroAmount")
        if found.stake + amount > constants.UINT64_MAX:
            raise Refused("StakeParts_TooMuch", "An operator's stake has 64 bits.")
        self.currency.move(caller, self.address, amount, booked=True)
        found.free += amount
        found.staked_in += amount

    def unstake(self, operator: int, amount: int, *, caller: Address, now: int) -> None:
        """Starts to thaw `amount` µ of free stake; the clock of all that thaws restarts."""
        found = self._owned(operator, caller)
        if amount == 0:
            raise Refused("Staking_ZeroAmount")
        if amount > found.free:
            raise Refused("Staking_NotEnoughFree", f"{amount} µ wanted, {found.free} µ free.")
        found.free -= amount
        found.thawing += amount
        found.thaw_ends = now + self.parameters.thaw_period

    def cancel_thaw(self, operator: int, *, caller: Address) -> None:
        """Turns everything that thaws back into free stake."""
        found = self._owned(operator, caller)
        if found.thawing == 0:
            raise Refused("Staking_NothingThaws", f"Nothing of operator {operator} thaws.")
        found.free, found.thawing, found.thaw_ends = found.free + found.thawing, 0, 0

    def withdraw(self, operator: int, to: Address, *, caller: Address, now: int) -> int:
        """Pays what has thawed to `to`, in µ."""
        found = self._owned(operator, caller)
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        amount = found.thawing
        if amount == 0:
            raise Refused("Staking_NothingThaws", f"Nothing of operator {operator} thaws.")
        if now < found.thaw_ends:
            raise Refused("Staking_StillThawing", f"Thawing until {found.thaw_ends}.")
        self.currency.move(self.address, to, amount)
        found.thawing, found.thaw_ends = 0, 0
        found.taken_out += amount
        return amount

    def claim_credit(self, to: Address, *, caller: Address, booked: bool = False) -> int:
        """Pays the caller's credits from slashes to `to`, in µ."""
        if to == ZERO_ADDRESS:
            raise Refused("Staking_ZeroAddress")
        amount = self.credits.get(caller, 0)
        if amount == 0:
            raise Refused("Staking_NothingToClaim", f"Nothing is owed to {caller}.")
        self.currency.move(self.address, to, amount, booked=booked)
        self.credits[caller] = 0
        self.credits_claimed += amount
        return amount

    # The Escrow's side

    def try_pledge(self, operator: int, amount: int, *, caller: Address) -> bool:
        """Moves `amount` µ from free to pledged; False when it does not fit. Escrow only."""
        self._check_escrow(caller)
        found = self.find(operator)
        if found is None or not self.is_active(operator, Role.PROVIDER):
            return False
        if amount > max(0, found.free - self.minimum_stake(found.roles)):
            return False
        found.free -= amount
        found.pledged += amount
        return True

    def release(self, operator: int, amount: int, *, caller: Address) -> None:
        """Moves `amount` µ from pledged back to free. Escrow only."""
        self._check_escrow(caller)
        found = self.operators[operator - 1]
        found.pledged -= amount
        found.free += amount

    # Slashing

    def slash(self, order: SlashOrder, *, caller: Address) -> int:
        """Takes free, then thawing stake, and credits victim, challenger and insurance. Returns µ taken."""
        check_role(self.admin, caller)
        found = self.find(order.operator)
        if found is None:
            raise Refused("Staking_UnknownOperator", f"There is no operator {order.operator}.")
        nameless = (order.loss and order.victim == ZERO_ADDRESS) or (
            order.reward_bps and order.challenger == ZERO_ADDRESS
        )
        if (
            order.reward_bps > constants.MAX_REWARD_BPS
            or nameless
            or caller in (order.victim, order.challenger)
        ):
            raise Refused("Staking_BadSlash", f"{order}")
        from_free = min(order.amount, found.free)
        from_thawing = min(order.amount - from_free, found.thawing)
        taken = from_free + from_thawing
        found.free -= from_free
        found.thawing -= from_thawing
        found.taken_out += taken
        if from_thawing and found.thawing == 0:
            found.thaw_ends = 0
        to_victim = min(taken, order.loss)
        to_challenger = min(taken - to_victim, ceil_bps(taken, order.reward_bps))
        rest = taken - to_victim - to_challenger
        for holder, amount in (
            (order.victim, to_victim),
            (order.challenger, to_challenger),
            (self.insurance, rest),
        ):
            self.credits[holder] = self.credits.get(holder, 0) + amount
        self.slashes.append(
            Slashed(order.operator, from_free, from_thawing, to_victim, to_challenger, rest, order.loss)
        )
        return taken

    def _owned(self, operator: int, caller: Address) -> Operator:
        found = self.find(operator)
        if found is None or found.owner != caller:
            raise Refused("Staking_NotOwner", f"{caller} does not own operator {operator}.")
        return found

    def _check_escrow(self, caller: Address) -> None:
        if caller != self.escrow:
            raise Refused("Staking_NotEscrow", f"{caller} is not the Escrow.")
