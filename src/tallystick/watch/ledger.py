"""What the watcher reads of the chain: posted batches with their figures, and what their leaves are judged by.

Everything is re-derived: figures and outputs come from the calldata of the posting transaction, and must hash to
what the contract emitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from tallystick.chain.contracts import load
from tallystick.chain.errors import ContractRefused
from tallystick.chain.event_types import ReceiptLedgerBatchPosted
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import Node
from tallystick.chain.posted import Posted, derive
from tallystick.chain.registry import Deployment
from tallystick.protocol.amounts import funded_until
from tallystick.protocol.backing import AgreementFacts, Item, KeyLife, Leaf
from tallystick.protocol.eip712 import Domain, ledger_domain
from tallystick.protocol.enums import CredentialKind, KeyKind, Mode, ReceiptFault, Role, Status
from tallystick.protocol.judge import PolicyRule
from tallystick.protocol.keys import parse_address, to_checksum

__all__ = ["BatchState", "Ledger", "Posted", "Terms"]

RANGE: Final = 2_000
"""Blocks in one request for logs."""

CANCELLED: Final = 8
"""Flag of a batch."""


class BatchState(NamedTuple):
    """A batch as it stands now. Bit i of `blocked`: leaf i is under challenge or void. Times in seconds."""

    window_ends: int
    cancelled: bool
    blocked: int


class Terms(NamedTuple):
    """What a policy says to a watcher: how receipts are judged, windows in seconds, bonds in µ."""

    rule: PolicyRule
    window: int
    response: int
    backing_bond: int


class Ledger:
    """Reads of one deployment, at the latest block. What cannot change is asked once."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self.node = node
        self.deployment = deployment
        self._decoder = EventDecoder({"ReceiptLedger": deployment.address("ReceiptLedger")})
        self._terms: dict[int, Terms] = {}

    @property
    def domain(self) -> Domain:
        """EIP-712 domain of the ReceiptLedger."""
        return ledger_domain(self.node.chain_id(), parse_address(self.deployment.address("ReceiptLedger")))

    def read(self, name: str, function: str, *values: Any) -> Any:
        """A view of one of the contracts."""
        return self.node.read(load(name), self.deployment.address(name), function, *values)

    # Batches

    def posted(self, start: int, end: int) -> list[Posted]:
        """The batches posted in these blocks, both included, in their order."""
        found: list[ReceiptLedgerBatchPosted] = []
        topics = ["0x" + load("ReceiptLedger").events["BatchPosted"].digest.hex()]
        for first in range(start, end + 1, RANGE):
            logs = self.node.logs(self._decoder.addresses, topics, first, min(first + RANGE - 1, end))
            found += [
                one for one in self._decoder.decode_all(logs) if isinstance(one, ReceiptLedgerBatchPosted)
            ]
        return [derive(self.node, one) for one in found]

    def state(self, batch: Posted) -> BatchState:
        """How a batch stands now."""
        record = self.read("ReceiptLedger", "batchOf", batch.number)
        blocked, _, _ = self.read("ReceiptLedger", "blockedOf", batch.number)
        ends = int(self.read("ReceiptLedger", "settleableAt", batch.number))
        return BatchState(ends, bool(record["flags"] & CANCELLED), int(blocked))

    # What a leaf is judged by

    def terms(self, policy: int) -> Terms:
        """A policy's."""
        if policy not in self._terms:
            told = self.read("PolicyBook", "get", policy)
            rule = PolicyRule(
                policy,
                told["kind"],
                told["quorum"],
                frozenset(told["verifiers"]),
                parse_address(told["issuer"]),
                told["measurement"],
                told["verifierVersion"],
                told["minConfidence"],
            )
            bond = told["dispute"]["backingBond"]
            self._terms[policy] = Terms(rule, told["challengeWindow"], told["responseWindow"], bond)
        return self._terms[policy]

    def agreement(self, number: int) -> AgreementFacts | None:
        """An agreement as it stands now; None when there is none."""
        told = self.read("Escrow", "agreementOf", number)
        if told["status"] == Status.NONE:
            return None
        end = min(told["end"], told["stopAt"] or told["end"])
        lease = told["mode"] == Mode.LEASE
        if lease:
            end = min(end, funded_until(told["start"], told["budget"], told["unitPrice"]))
        is_open = told["status"] == Status.OPEN
        return AgreementFacts(number, told["operator"], told["policy"], lease, is_open, told["start"], end)

    def key(self, operator: int, kind: KeyKind, key: bytes) -> KeyLife:
        """When a key is good for an operator; never, when it was not authorised."""
        told = self.read("Staking", "keyValidity", operator, int(kind), to_checksum(key))
        return KeyLife(told["validFrom"], told["revokedAt"])

    def inactive(self, verifiers: Iterable[int]) -> frozenset[int]:
        """Those whose verdicts do not count now, for want of stake."""
        role = int(Role.VERIFIER)
        return frozenset(one for one in verifiers if not self.read("Staking", "isActive", one, role))

    def attested(self, rule: PolicyRule, agreement: int, device: bytes, time: int) -> bool:
        """Whether a device key had a TEE credential that counts under `rule`, bound to the agreement."""
        asked = (int(CredentialKind.TEE), to_checksum(device), agreement.to_bytes(32, "big"))
        found = self.read(
            "Credentials", "isValidAs", to_checksum(rule.issuer), *asked, rule.measurement, time
        )
        return bool(found)

    def backing_fault(self, leaf: Leaf, item: Item) -> ReceiptFault:
        """The contract's own judgement of an answer."""
        values = (leaf.batch, leaf.agreement, leaf.units, leaf.output_root, item.arguments())
        return ReceiptFault(self.read("ReceiptLedger", "backingFault", *values))

    def refusal(self, name: str, data: bytes, sender: str) -> ContractRefused | None:
        """Why a call would fail now; None when it would not."""
        try:
            self.node.call(self.deployment.address(name), data, sender)
        except ContractRefused as refused:
            return refused
        return None
