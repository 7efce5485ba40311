"""Reads what a verifier's owner has in the jury, and which keys it has, for `verifier_ops` to decide on."""

from __future__ import annotations

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import load
from tallystick.chain.node import Node
from tallystick.chain.provider_desk import ProviderDesk
from tallystick.chain.registry import Deployment
from tallystick.chain.verifier_ops import JurorView
from tallystick.protocol.eip712 import Domain, ledger_domain
from tallystick.protocol.enums import KeyKind
from tallystick.protocol.keys import parse_address

__all__ = ["VerifierDesk"]


class VerifierDesk(ProviderDesk):
    """One deployment, seen by an owner of verifiers."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        super().__init__(node, deployment)
        self._at = deployment

    @property
    def domain(self) -> Domain:
        """EIP-712 domain of the ReceiptLedger, which verdicts are signed for."""
        return ledger_domain(self._node.chain_id(), parse_address(self._at.address("ReceiptLedger")))

    def key_known(self, operator: int, key: str) -> bool:
        """Whether a verifier key was ever authorised for an operator."""
        arguments = (operator, int(KeyKind.VERIFIER), key)
        found = self._node.read(load("Staking"), self._at.address("Staking"), "keyValidity", *arguments)
        return bool(found["validFrom"])

    def juror(self, owner: str) -> JurorView | None:
        """The owner in the jury; None when this deployment has none."""
        record = self._at.contracts.get("Jury")
        if record is None:
            return None
        owner, jury = checksum(owner, "owner"), load("Jury")
        seat = self._node.read(jury, record.address, "jurorOf", owner)
        currency = checksum(self._node.read(load("Escrow"), self._at.address("Escrow"), "CURRENCY"))
        return JurorView(
            jury=record.address,
            least=int(self._node.read(jury, record.address, "MIN_DEPOSIT")),
            most=int(self._node.read(jury, record.address, "MAX_DEPOSIT")),
            allowance=int(self._node.read(load("TestDollar"), currency, "allowance", owner, record.address)),
            deposit=seat["deposit"],
            operator=seat["operator"],
            seats=seat["seats"],
            leaves_at=seat["leavesAt"],
        )
