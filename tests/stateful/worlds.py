"""The executable specification and the compiled bytecode, side by side.

`Worlds` runs a function of the model and of the bytecode with the same arguments and
asserts that both refuse with the same error or both succeed with the same result. `Comparing.compare()` then
reads every figure from both. The state machine drives it; neither knows what the right answer is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tallystick.protocol import eip712, figures, merkle
from tallystick.protocol.eip712 import Domain, Terms
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Addresses, Model, ModelParameters
from tests.stateful.event_books import EventBooks
from tests.stateful.token_books import TokenBooks
from tests.support.evm import Account, Bound, Evm, Reverted, Snapshot, account
from tests.support.system import DOLLAR, Parameters, System, deploy_system

__all__ = ["ACTORS", "SPLIT", "PostedBatch", "Pristine", "Worlds"]

ACTORS: Final = ("ann", "ben", "cleo", "dora", "relay", "vera", "mallory")
SPLIT: Final = ((account("cleo").address, account("dora").address), (700, 300))
"""Members and weights of account 6."""
PARAMETERS: Final = Parameters(
    fee_customer=100,
    reward_rate=10**16,
    reward_halving=3 * DOLLAR,
    reward_daily_fees=DOLLAR,
    reward_vesting=10 * 86_400,
)
"""A reward is a stake; rewards halve, days fill up and vesting ends within a life."""


@dataclass
class Pristine:
    """A system that was deployed once, to come back to for every example."""

    system: System
    snapshot: Snapshot

    @classmethod
    def deploy(cls) -> Pristine:
        """Deploys everything and lets every actor approve the contracts."""
        system = deploy_system(PARAMETERS, evm=Evm())
        for name in ACTORS:
            actor = account(name)
            for token, spender in (
                (system.currency, system.escrow),
                (system.currency, system.staking),
                (system.token, system.vault),
            ):
                token.transact("approve", spender.address, 2**256 - 1, sender=actor)
        return cls(system, system.evm.snapshot())


@dataclass
class PostedBatch:
    """What whoever settles needs to know of a batch."""

    number: int
    figures: bytes
    outputs: bytes

    @property
    def leaves(self) -> int:
        return len(self.figures) // 18

    def figure(self, leaf: int) -> bytes:
        return self.figures[18 * leaf : 18 * leaf + 18]

    def output(self, leaf: int) -> bytes:
        return self.outputs[32 * leaf : 32 * leaf + 32]

    def proof(self, leaf: int) -> list[bytes]:
        return merkle.proof(figures.leaves(self.figures, self.outputs), leaf)


@dataclass
class Worlds:
    """Both worlds. µ and seconds everywhere; actors own accounts and operators by number."""

    system: System
    model: Model
    books: EventBooks
    agreements: list[int] = field(default_factory=list)
    terms: dict[int, Terms] = field(default_factory=dict)
    """What every agreement was opened with."""
    batches: list[PostedBatch] = field(default_factory=list)
    ok: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    """Refusals, faults and reasons inside calls that went through."""

    @classmethod
    def start(cls, pristine: Pristine) -> Self:
        """A model of the pristine system, and that system itself as it was."""
        system = pristine.system
        system.evm.revert(pristine.snapshot)
        addresses = Addresses(
            escrow=system.escrow.address,
            ledger=system.ledger.address,
            staking=system.staking.address,
            court=system.court.address,
            challenges=system.challenges.address,
            fee_splitter=system.splitter.address,
            insurance_pool=system.insurance.address,
            dividend_vault=system.vault.address,
            admin=system.admin.address,
            treasury=system.treasury.address,
            supplier_rewards=system.rewards.address,
        )
        parameters = ModelParameters(
            addresses=addresses,
            fee_customer=PARAMETERS.fee_customer,
            emission_rate=PARAMETERS.reward_rate,
            emission_halving=PARAMETERS.reward_halving,
            emission_daily_fees=PARAMETERS.reward_daily_fees,
            emission_vesting=PARAMETERS.reward_vesting,
            created_at=system.evm.now,
        )
        books = EventBooks(
            system.escrow.address,
            system.staking.address,
            system.policy_book.address,
            system.ledger.address,
            TokenBooks(system.rewards.address, system.vault.address),
        )
        return cls(system, Model(parameters), books)

    @property
    def now(self) -> int:
        return self.system.evm.now

    def warp(self, seconds: int) -> None:
        """Lets time pass."""
        self.system.evm.warp(seconds)

    # One step on both sides

    def both(
        self, name: str, contract: Bound, values: Sequence[Any], caller: Account, model: Callable[[], Any]
    ) -> tuple[Any, Any] | None:
        """Runs a function on both sides; returns (receipt, model's result), or None when both refused."""
        expected: str | None = None
        result: Any = None
        try:
            result = model()
        except Refused as refusal:
            expected = refusal.code
        found: str | None = None
        try:
            receipt = contract.transact(name.rpartition(".")[2], *values, sender=caller)
        except Reverted as error:
            found = error.name
        what = f"{name}{tuple(values)} by {caller.address}"
        assert expected == found, f"{what}: the model says {expected}, the bytecode {found}"
        if found is not None:
            self.refused[name] += 1
            return None
        self.ok[name] += 1
        self.books.read(receipt.logs)
        return receipt, result

    def same(
        self, name: str, contract: Bound, values: Sequence[Any], caller: Account, model: Callable[[], Any]
    ) -> Any:
        """As `both`, and the results must be equal. Returns the result, or None."""
        outcome = self.both(name, contract, values, caller, model)
        if outcome is None:
            return None
        receipt, result = outcome
        assert receipt.result == result, f"{name}: {receipt.result} on the chain, {result} in the model"
        return result

    # Signatures

    @property
    def escrow_domain(self) -> Domain:
        return eip712.escrow_domain(self.system.evm.chain_id, bytes.fromhex(self.system.escrow.address[2:]))

    @property
    def ledger_domain(self) -> Domain:
        return eip712.ledger_domain(self.system.evm.chain_id, bytes.fromhex(self.system.ledger.address[2:]))

    @staticmethod
    def sign(signer: Account | None, domain: Domain, struct: bytes) -> bytes:
        """The signature, empty when nobody signs."""
        return signer.sign(eip712.digest(domain, struct)) if signer else b""

    def is_owner(self, signer: Account | None, number: int) -> bool:
        """Whether that person owns the account."""
        return signer is not None and signer.address == self.model.escrow.owner_of(number)

    def is_operator(self, signer: Account | None, number: int) -> bool:
        """Whether that person owns the operator."""
        return signer is not None and signer.address == self.model.staking.owner_of(number)
