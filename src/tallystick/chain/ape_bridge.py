"""Ape's provider and accounts behind our own `Transport` and `TransactionSigner`. Ape itself is never
imported here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tallystick.chain.abi import checksum
from tallystick.chain.errors import NodeUnreachable, SignerProblem
from tallystick.chain.signers import SignedTransaction
from tallystick.protocol.hashing import keccak256

__all__ = ["ApeSigner", "ApeTransport", "SaysWhenUnreachable"]


class ApeTransport:
    """JSON-RPC through the connection that an Ape provider has."""

    def __init__(self, provider: Any) -> None:
        self.name = f"the node of {provider.network_choice}"
        self._web3 = provider.web3

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        """See `Transport.exchange`; one request at a time."""
        try:
            return [self._web3.provider.make_request(method, list(params)) for method, params in requests]
        except OSError as error:
            raise NodeUnreachable(f"{self.name} does not answer: {error}") from error

    def close(self) -> None:
        """Ape closes what it opened."""


class SaysWhenUnreachable:
    """For Ape's command classes, before them among the bases: a node that cannot be reached is one sentence."""

    UNREACHABLE = frozenset({"ConfigError", "ProviderError", "NodeSoftwareNotInstalledError"})

    def invoke(self, context: click.Context) -> Any:
        """See `click.Command.invoke`; raises ClickException instead of Ape's own errors of connecting."""
        try:
            return super().invoke(context)  # type: ignore[misc]
        except Exception as error:
            if self.UNREACHABLE.isdisjoint(kind.__name__ for kind in type(error).__mro__):
                raise
            unset = re.search(r"\$\{(\w+)\}", str(error))
            text = (
                f"The network's node is not known: set {unset[1]} to its address."
                if unset
                else f"The node does not answer ({type(error).__name__}): is it running, is the address right?"
            )
            raise click.ClickException(f"{text} [node_unreachable]") from None


class ApeSigner:
    """Signs with an Ape account, which may ask for a passphrase or a button. See `TransactionSigner`.

    Ape only signs; `KeySender` prepares and sends. Ape's own way insists on chain id 1337 for a local node
    that it did not start, and hides the reasons of refusals in its own errors.
    """

    def __init__(self, account: Any, ecosystem: Any) -> None:
        self._account = account
        self._ecosystem = ecosystem

    @property
    def address(self) -> str:
        """Checksummed address of the account."""
        return checksum(str(self._account.address))

    def sign_transaction(self, fields: Mapping[str, Any]) -> SignedTransaction:
        """Raises SignerProblem when the owner declines, or another key signed."""
        transaction = self._ecosystem.create_transaction(
            type=2,
            sender=self.address,
            chainId=fields["chainId"],
            nonce=fields["nonce"],
            data=fields["data"],
            value=fields["value"],
            gas_limit=fields["gas"],
            max_fee=fields["maxFeePerGas"],
            max_priority_fee=fields["maxPriorityFeePerGas"],
            **({"receiver": checksum(fields["to"])} if fields.get("to") else {}),
        )
        signed = self._account.sign_transaction(transaction)
        if signed is None or signed.signature is None:
            raise SignerProblem(f"{self.address} did not sign")
        raw = bytes(signed.serialize_transaction())
        return SignedTransaction(raw, "0x" + keccak256(raw).hex())
