"""A chain with a deployment, a relayer (operator 1), a verifier (2), a provider (3), and open agreements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.contracts import load
from tallystick.chain.deployer import deploy
from tallystick.chain.deployment import Plan
from tallystick.chain.registry import Deployment, Registry
from tallystick.chain.rpc import RpcPool
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.eip712 import Receipt, Terms, Verdict, digest, escrow_domain, ledger_domain
from tallystick.protocol.keys import PrivateKey, parse_address, to_checksum

RELAYER, VERIFIER, PROVIDER, POLICY = 1, 2, 3, 1
WINDOW = 600  # seconds
PRICE = 600_000  # µ per 1e6 units
BUDGET = 50_000_000  # µ
DOLLARS = 1_000_000_000_000  # µ


@dataclass
class Scene:
    """The chain and who plays on it."""

    anvil: Anvil
    folder: Path
    deployment: Deployment
    relayer: KeySigner
    verifier: PrivateKey
    device: PrivateKey
    agreements: list[int] = field(default_factory=list)
    opened_at: int = 0
    """Seconds: when the agreements' clock began."""

    @property
    def pool(self) -> RpcPool:
        return RpcPool.connect([self.anvil.url])

    def address(self, name: str) -> str:
        return self.deployment.address(name)

    def read(self, name: str, function: str, *values: Any) -> Any:
        return self.anvil.node.read(load(name), self.address(name), function, *values)

    def paid(self, agreement: int) -> int:
        """Gross µ that the Escrow has paid."""
        return int(self.read("Escrow", "agreementOf", agreement)["paid"])

    def receipt(self, agreement: int, units: int, seconds: int = 1) -> dict[str, Any]:
        """A signed cumulative receipt of the first `seconds`, as the HTTP API takes it."""
        at = self.opened_at
        message = Receipt(agreement, units, at, at + seconds, units.to_bytes(32, "big"), exclusive=True)
        return {
            "agreement": agreement,
            "units": units,
            "periodStart": at,
            "periodEnd": at + seconds,
            "outputRoot": "0x" + message.output_root.hex(),
            "exclusive": True,
            "signature": self._signed(self.device, message),
        }

    def verdict(self, agreement: int, units: int) -> dict[str, Any]:
        """The verifier's signed consent to `receipt(agreement, units)`."""
        message = Verdict(agreement, units, units.to_bytes(32, "big"), True, 1, 9_000)
        return {
            "agreement": agreement,
            "units": units,
            "outputRoot": "0x" + message.output_root.hex(),
            "valid": True,
            "verifierVersion": 1,
            "confidence": 9_000,
            "signature": self._signed(self.verifier, message),
        }

    def _signed(self, key: PrivateKey, message: Receipt | Verdict) -> str:
        domain = ledger_domain(self.anvil.chain_id, parse_address(self.address("ReceiptLedger")))
        return "0x" + key.sign(digest(domain, message.hash_struct())).hex()

    def mine_final(self) -> None:
        """Two more blocks make the newest one final (--slots-in-an-epoch 1)."""
        self.anvil.mine(3)


@contextmanager
def staged(folder: Path, agreements: int = 8, window: int = WINDOW) -> Iterator[Scene]:
    """Deploys, registers and opens on an Anvil of its own."""
    with Anvil() as anvil:
        relayer = KeySigner(PrivateKey.from_seed("scene", "relayer"))
        verifier = PrivateKey.from_seed("scene", "verifier")
        sender = KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[0]))
        plan = Plan.from_yaml(
            "local",
            {
                "relayerKey": relayer.address,
                "verifierKey": to_checksum(verifier.address),
                "challengeWindow": window,
            },
        )
        outcome = deploy(plan, anvil.node, sender, Registry(folder / "deployments"))
        device = PrivateKey.from_seed("scene", "device")
        scene = Scene(anvil, folder, outcome.deployment, relayer, verifier, device)
        anvil.set_balance(relayer.address, 10**20)
        _people(scene, sender)
        scene.agreements = open_agreements(scene, sender, agreements)
        scene.mine_final()
        yield scene


def _people(scene: Scene, sender: KeySender) -> None:
    dollar, staking, escrow = (scene.address(name) for name in ("TestDollar", "Staking", "Escrow"))

    def send(name: str, function: str, *values: Any) -> None:
        sender.send(scene.address(name), load(name).encode(function, *values))

    send("TestDollar", "mint", sender.address, DOLLARS)
    send("TestDollar", "approve", staking, DOLLARS)
    send("TestDollar", "approve", escrow, DOLLARS)
    send("Staking", "register", 1, 1, 0, 0, bytes(32))
    send("Staking", "authoriseKey", PROVIDER, 0, to_checksum(scene.device.address))
    send("Staking", "stake", PROVIDER, DOLLARS // 10)
    send("Escrow", "createAccount", sender.address)
    send("Escrow", "createAccount", sender.address)
    send("Escrow", "deposit", 1, DOLLARS // 2)
    assert dollar


def open_agreements(
    scene: Scene, sender: KeySender, count: int, first_nonce: int = 0, **changes: Any
) -> list[int]:
    """Opens `count` agreements between account 1 and operator 3, paying to account 2. Both sides are the sender."""
    now = scene.anvil.node.timestamp()
    key = PrivateKey.from_hex(DEV_KEYS[0])
    domain = escrow_domain(scene.anvil.chain_id, parse_address(scene.address("Escrow")))
    offers: list[tuple[Any, ...]] = []
    signatures: list[tuple[bytes, bytes]] = []
    for place in range(count):
        nonce = 2 * (first_nonce + place)
        terms = Terms(
            customer=1, funder=1, operator=PROVIDER, payee=2, mode=0, policy=POLICY,
            max_fee_provider=500, max_fee_customer=0, unit_price=PRICE, budget=BUDGET, max_budget=BUDGET,
            start=now, expiry=now + 30 * 86_400, work_hash=bytes(32),
            customer_nonce=nonce, operator_nonce=nonce + 1, deadline=now + 86_400,
        )._replace(**changes)  # fmt: skip
        signed = key.sign(digest(domain, terms.hash_struct()))
        offers.append(tuple(terms))
        signatures.append((signed, signed))
    data = load("Escrow").encode("open", offers, signatures)
    receipt = sender.send_many([Call(scene.address("Escrow"), data)])[0]
    opened = "0x" + load("Escrow").events["Opened"].digest.hex()
    logs = [log for log in receipt.logs if log["topics"][0] == opened]
    assert len(logs) == count
    # Opened(agreement indexed, fees, start, terms): the clock starts with the block, which may be a second after `now`.
    scene.opened_at = int(logs[-1]["data"][66:130], 16)
    return [int(log["topics"][1], 16) for log in logs]


def ndjson(items: Sequence[dict[str, Any]]) -> bytes:
    """One JSON object a line."""
    import json

    return b"\n".join(json.dumps(item).encode() for item in items)
