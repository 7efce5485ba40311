"""A small market on the model: a customer, a sponsor, a provider, a relayer, a policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from tallystick.protocol import figures as figures_of
from tallystick.protocol import merkle
from tallystick.protocol.constants import MICRO
from tallystick.protocol.eip712 import BatchHeader, Receipt, Terms
from tallystick.protocol.enums import HardwareClass, KeyKind, OpenRefusal, Role, VerificationKind
from tallystick.protocol.figures import encode_figure, encode_figures
from tallystick.protocol.model import (
    Leaf,
    Model,
    ModelParameters,
    Policy,
    ReleaseRequest,
    Settlement,
    SignedReceipt,
)

DAY = 86_400
START = 1_000 * DAY
"""When the tests begin, in seconds."""


@dataclass
class World:
    """Everything below is set up at START; `terms` gives an offer that opens."""

    model: Model = field(default_factory=lambda: Model(ModelParameters(created_at=START)))
    now: int = START
    nonce: int = 0

    def __post_init__(self) -> None:
        m = self.model
        for wallet in ("customer", "sponsor", "provider", "relayer"):
            m.currency.mint(wallet, 1_000_000 * MICRO)
        self.operator = m.staking.register(Role.PROVIDER, HardwareClass.CONSUMER_GPU, caller="provider")
        m.staking.stake(self.operator, 5_000 * MICRO, caller="provider")
        self.relayer = m.staking.register(Role.RELAYER, HardwareClass.NONE, caller="relayer")
        m.staking.stake(self.relayer, 20_000 * MICRO, caller="relayer")
        m.staking.authorise_key(self.relayer, KeyKind.SIGNER, "signer", caller="relayer", now=START)
        self.policy = m.policy_book.add(Policy(VerificationKind.NONE, 0, self.relayer), caller="admin")
        self.customer = m.escrow.create_account("customer")
        self.sponsor = m.escrow.create_account("sponsor")
        self.payee = m.escrow.create_account("provider")
        m.escrow.deposit(self.customer, 10_000 * MICRO, caller="customer")
        m.escrow.deposit(self.sponsor, 10_000 * MICRO, caller="sponsor")

    def terms(self, **changes: int | bytes) -> Terms:
        """0.6 µ a unit, a budget of 1 000, thirty days; nonces of its own."""
        self.nonce += 1
        offer = Terms(
            customer=self.customer,
            funder=self.customer,
            operator=self.operator,
            payee=self.payee,
            mode=0,
            policy=self.policy,
            max_fee_provider=500,
            max_fee_customer=0,
            unit_price=600_000,
            budget=1_000 * MICRO,
            max_budget=1_000 * MICRO,
            start=0,
            expiry=self.now + 30 * DAY,
            work_hash=bytes(32),
            customer_nonce=self.nonce,
            operator_nonce=self.nonce,
            deadline=self.now + DAY,
        )
        return offer._replace(**changes)  # type: ignore[arg-type]

    def open(self, **changes: int | bytes) -> int:
        """Opens an agreement and returns its number."""
        opening = self.model.escrow.open(self.terms(**changes), now=self.now)
        assert opening.refusal == OpenRefusal.NONE
        return opening.agreement

    def post(
        self, figures: list[tuple[int, int]], value: int = 10_000 * MICRO, policy: int = 0
    ) -> tuple[int, bytes]:
        """Posts a batch, signed by the caller; returns its number and figures."""
        policy = policy or self.policy
        data = encode_figures(figures)
        header = BatchHeader(policy, value, self.model.ledger.next_nonce(policy, self.relayer), self.now)
        outputs = bytes(32 * len(figures))
        return self.model.ledger.post(header, data, outputs, caller="signer", now=self.now), data

    def settle(self, *figures: tuple[int, int], value: int = 10_000 * MICRO, policy: int = 0) -> Settlement:
        """Posts, waits out the window and settles."""
        batch, data = self.post(list(figures), value, policy)
        self.now += DAY
        return self.model.ledger.settle(batch, data, now=self.now)

    def receipt(self, agreement: int, units: int, **changes: object) -> SignedReceipt:
        """Signed by the provider's device and accepted by the customer's owner; periods end now."""
        device = "device"
        if (self.operator, KeyKind.DEVICE, device) not in self.model.staking.keys:
            self.model.staking.authorise_key(
                self.operator, KeyKind.DEVICE, device, caller="provider", now=self.now
            )
        found = self.model.escrow.agreements[agreement]
        body = Receipt(agreement, units, found.start, self.now, bytes(32), False)
        item = SignedReceipt(body, device, acceptance="customer", funder_acceptance="sponsor")
        return item._replace(**changes)  # type: ignore[arg-type]

    def leaf(self, batch: int, figures: list[tuple[int, int]], leaf: int = 0) -> Leaf:
        """One leaf of a batch that `post` made, to be challenged."""
        return Leaf(*self.request(batch, figures, leaf))

    def request(self, batch: int, figures: list[tuple[int, int]], leaf: int = 0) -> ReleaseRequest:
        """Asks for the release of one leaf of a batch that `post` made."""
        leaves = figures_of.leaves(encode_figures(figures), bytes(32 * len(figures)))
        proof = tuple(merkle.proof(leaves, leaf))
        return ReleaseRequest(batch, leaf, encode_figure(*figures[leaf]), bytes(32), proof)
