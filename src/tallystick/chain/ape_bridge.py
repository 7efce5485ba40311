"""Ape's provider and accounts behind our own `Transport` and `Sender`. Ape itself is never imported here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tallystick.chain.abi import checksum
from tallystick.chain.errors import NodeUnreachable, TransactionFailed
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.sender import Call, why_it_failed

__all__ = ["ApeSender", "ApeTransport"]


class ApeTransport:
    """JSON-RPC through the connection that an Ape provider has."""

    def __init__(self, provider: Any) -> None:
        self.name = f"{provider.network_choice}"
        self._web3 = provider.web3

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        """See `Transport.exchange`; one request at a time."""
        try:
            return [self._web3.provider.make_request(method, list(params)) for method, params in requests]
        except OSError as error:
            raise NodeUnreachable(f"{self.name} does not answer: {error}") from error

    def close(self) -> None:
        """Ape closes what it opened."""


class ApeSender:
    """Sends with an Ape account, which may ask for a passphrase."""

    def __init__(self, node: Node, account: Any, ecosystem: Any) -> None:
        self._node = node
        self._account = account
        self._ecosystem = ecosystem

    @property
    def address(self) -> str:
        """Checksummed address of the account."""
        return checksum(str(self._account.address))

    def send(self, to: str | None, data: bytes, value: int = 0, gas: int | None = None) -> TransactionReceipt:
        """See `Sender.send`. The reason of a refusal is found before Ape is asked."""
        estimate = self._node.estimate(to, data, self.address, value)
        limit = gas if gas is not None else estimate + estimate // 5 + 5_000
        fields = {"sender": self.address, "data": data, "value": value, "gas_limit": limit}
        transaction = self._ecosystem.create_transaction(**fields, **({"receiver": to} if to else {}))
        sent = str(self._account.call(transaction).txn_hash)
        receipt = self._node.receipt(sent if sent.startswith("0x") else f"0x{sent}")
        if receipt is None:
            raise TransactionFailed(f"transaction {sent} is in no block")
        if not receipt.ok:
            raise why_it_failed(self._node, self.address, Call(to, data, value), limit, receipt)
        return receipt
