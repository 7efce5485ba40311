"""Who plays: keys of customers, providers, their devices, the verifier and the relayer, all from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tallystick.protocol.keys import PrivateKey

__all__ = ["Cast", "Parties"]


@dataclass(frozen=True)
class Cast:
    """Keys by role. The same seed gives the same keys; on somebody's chain the seed is random."""

    seed: str
    customers: int
    providers: int

    @cached_property
    def customer_keys(self) -> list[PrivateKey]:
        """Owners of the customers' accounts; they only sign."""
        return [PrivateKey.from_seed(self.seed, "customer", i) for i in range(self.customers)]

    @cached_property
    def provider_keys(self) -> list[PrivateKey]:
        """Owners of the providers' operators and of the accounts that earn."""
        return [PrivateKey.from_seed(self.seed, "provider", j) for j in range(self.providers)]

    @cached_property
    def device_keys(self) -> list[PrivateKey]:
        """One device of each provider; it signs receipts."""
        return [PrivateKey.from_seed(self.seed, "device", j) for j in range(self.providers)]

    @cached_property
    def verifier_owner(self) -> PrivateKey:
        """Owner of the verifier's stake."""
        return PrivateKey.from_seed(self.seed, "verifier owner")

    @cached_property
    def verifier_key(self) -> PrivateKey:
        """The verifier's key; it signs verdicts."""
        return PrivateKey.from_seed(self.seed, "verifier")

    @cached_property
    def relayer_owner(self) -> PrivateKey:
        """Owner of the relayer's stake."""
        return PrivateKey.from_seed(self.seed, "relayer owner")

    @cached_property
    def relayer_key(self) -> PrivateKey:
        """The relayer's hot key: signs batches and sends transactions."""
        return PrivateKey.from_seed(self.seed, "relayer")

    @property
    def paid_keys(self) -> list[PrivateKey]:
        """Keys that were given money for gas."""
        return [*self.provider_keys, self.verifier_owner, self.relayer_owner, self.relayer_key]


@dataclass(frozen=True, slots=True)
class Parties:
    """Numbers that the chain gave: accounts in Escrow, operators in Staking, the policy in PolicyBook."""

    customer_accounts: list[int]
    provider_accounts: list[int]
    provider_operators: list[int]
    verifier: int
    relayer: int
    policy: int
