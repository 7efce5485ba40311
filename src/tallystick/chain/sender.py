"""Sending transactions for deployments, scripts and replays: simple, waiting, pipelined.

The service sends through its transaction engine instead, which survives crashes. Here a call either returns
a mined, successful receipt or raises with the contract's reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tallystick.chain.errors import ChainError, ContractRefused, TransactionFailed
from tallystick.chain.node import Fees, Node, TransactionReceipt
from tallystick.chain.signers import SignedTransaction, TransactionSigner

__all__ = ["Call", "KeySender", "Sender", "Sent", "why_it_failed"]


@dataclass(frozen=True)
class Call:
    """A transaction that is not sent yet. `to` is None for a creation; `gas` is estimated when left out."""

    to: str | None
    data: bytes
    value: int = 0
    gas: int | None = None


@dataclass(frozen=True)
class Sent:
    """A transaction that was broadcast, with its gas limit and its hash."""

    call: Call
    gas: int
    hash: str


class Sender(Protocol):
    """Somebody who can send: a key, or an Ape account."""

    @property
    def address(self) -> str:
        """Checksummed address of the account."""

    def send(self, to: str | None, data: bytes, value: int = 0, gas: int | None = None) -> TransactionReceipt:
        """Sends one transaction and waits until it is in a block.

        :param to: None creates a contract.
        :param value: wei.
        :param gas: gas limit; estimated, with a reserve, when left out.
        Raises ContractRefused with the reason, or TransactionFailed when it is not mined in time.
        """


class KeySender:
    """Sends with a key over JSON-RPC. Threads may share one; nonces are given out in order."""

    def __init__(
        self,
        node: Node,
        signer: TransactionSigner,
        *,
        timeout: float = 180.0,
        chunk: int = 100,
        fees: Fees | None = None,
        alone: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        :param timeout: seconds without any progress.
        :param chunk: transactions in one JSON-RPC batch.
        :param fees: offered for everything; the node is asked each time when left out.
        :param alone: nobody else sends from this account, so the node is asked for its nonce only once.
        """
        self.node = node
        self.signer = signer
        self._timeout = timeout
        self._chunk = chunk
        self._fees = fees
        self._alone = alone
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_nonce = 0

    def __repr__(self) -> str:
        return f"KeySender({self.address} at {self.node.transport.name})"

    @property
    def address(self) -> str:
        """Checksummed address of the account."""
        return self.signer.address

    def send(self, to: str | None, data: bytes, value: int = 0, gas: int | None = None) -> TransactionReceipt:
        """See `Sender.send`."""
        return self.send_many([Call(to, data, value, gas)])[0]

    def send_many(self, calls: Sequence[Call]) -> list[TransactionReceipt]:
        """Sends all without waiting for each, then waits for all. Receipts come in order.

        Calls without `gas` are estimated on the present state: give it to those that need another's effect.
        Raises ContractRefused or TransactionFailed for the first that failed; the others were sent too.
        """
        return self.receipts_of(self.post_many(calls))

    def post_many(self, calls: Sequence[Call]) -> list[Sent]:
        """As `send_many`, but does not wait: the receipts are there when somebody has mined, see
        `receipts_of`."""
        if not calls:
            return []
        limits = self._limits(calls)
        with self._lock:
            signed = self._sign(calls, limits, self._fees or self.node.fees())
            self._broadcast(signed)
        return [Sent(call, limit, one.hash) for call, limit, one in zip(calls, limits, signed, strict=True)]

    def receipts_of(self, sent: Sequence[Sent]) -> list[TransactionReceipt]:
        """Waits for what `post_many` sent. Raises ContractRefused or TransactionFailed for the first that
        failed."""
        receipts = self._wait([one.hash for one in sent])
        for one, receipt in zip(sent, receipts, strict=True):
            if not receipt.ok:
                raise why_it_failed(self.node, self.address, one.call, one.gas, receipt)
        return receipts

    def _limits(self, calls: Sequence[Call]) -> list[int]:
        if len(calls) == 1 and calls[0].gas is None:
            only = calls[0]
            return [_with_reserve(self.node.estimate(only.to, only.data, self.address, only.value))]
        limits: list[int] = []
        for start in range(0, len(calls), self._chunk):
            part = calls[start : start + self._chunk]
            unknown = [("eth_estimateGas", [self._message(call)]) for call in part if call.gas is None]
            estimates = iter(self.node.batch(unknown))
            limits += [
                call.gas if call.gas is not None else _with_reserve(int(next(estimates), 16)) for call in part
            ]
        return limits

    def _message(self, call: Call) -> dict[str, str]:
        message = {"from": self.address, "data": "0x" + call.data.hex(), "value": hex(call.value)}
        return {**message, "to": call.to} if call.to else message

    def _sign(self, calls: Sequence[Call], limits: Sequence[int], fees: Fees) -> list[SignedTransaction]:
        known = self._next_nonce if self._alone else 0
        first = known or max(self._next_nonce, self.node.nonce(self.address))
        common: dict[str, Any] = {
            "chainId": self.node.chain_id(),
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.priority_fee,
        }
        signed = []
        for nonce, (call, limit) in enumerate(zip(calls, limits, strict=True), first):
            fields = {**common, "nonce": nonce, "gas": limit, "value": call.value, "data": call.data}
            signed.append(self.signer.sign_transaction({**fields, "to": call.to} if call.to else fields))
        self._next_nonce = first + len(signed)
        return signed

    def _broadcast(self, signed: Sequence[SignedTransaction]) -> None:
        try:
            # One by one: a node may run the requests of a JSON-RPC batch in any order, and Anvil leaves a
            # transaction that came before its predecessor in the queue until the next one arrives.
            for one in signed:
                self.node.send_raw(one.raw)
        except ChainError:
            # What was taken and what not is for the chain to say: ask it again for the next nonce.
            self._next_nonce = 0
            raise

    def _wait(self, hashes: Sequence[str]) -> list[TransactionReceipt]:
        found: dict[str, TransactionReceipt] = {}
        pause, deadline = 0.001, self._clock() + self._timeout
        while True:
            missing = [one for one in hashes if one not in found][: self._chunk]
            if not missing:
                return [found[one] for one in hashes]
            answers = zip(missing, self.node.receipts(missing), strict=True)
            news = {one: receipt for one, receipt in answers if receipt is not None}
            found.update(news)
            if news:
                pause, deadline = 0.001, self._clock() + self._timeout
            elif self._clock() > deadline:
                raise TransactionFailed(
                    f"transaction {missing[0]} was not mined within {self._timeout:g} s: "
                    "it may still be; look it up before you send it again"
                )
            if len(news) < len(missing):
                self._sleep(pause)
                pause = min(pause * 1.5, 1.0)


def _with_reserve(estimate: int) -> int:
    return estimate + estimate // 5 + 5_000


def why_it_failed(
    node: Node, sender: str, call: Call, limit: int, receipt: TransactionReceipt
) -> ContractRefused | TransactionFailed:
    """The reason of a mined but failed transaction: it is run again on the state before its block."""
    if receipt.gas_used >= limit:
        return TransactionFailed(f"transaction {receipt.transaction} ran out of its {limit} gas")
    if call.to is not None:
        try:
            node.call(call.to, call.data, sender, receipt.block - 1, call.value)
        except ContractRefused as refusal:
            return refusal
        except ChainError:
            pass
    return TransactionFailed(f"transaction {receipt.transaction} failed in block {receipt.block}")
