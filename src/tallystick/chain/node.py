"""A small synchronous JSON-RPC client for tools: deploying, replaying, tests, scripts.

The running service has its own pool with failover (`rpc.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import httpx

from tallystick.chain.abi import checksum
from tallystick.chain.contracts import Contract, explain_revert
from tallystick.chain.errors import ChainError, NodeRefused, NodeUnreachable

__all__ = ["Fees", "HttpTransport", "Node", "TransactionReceipt", "Transport", "answer_error", "redacted"]

Block = int | str


@dataclass(frozen=True)
class TransactionReceipt:
    """What became of a transaction. `transaction` is its hash; gas in gas, price in wei."""

    transaction: str
    block: int
    ok: bool
    gas_used: int
    gas_price: int
    contract: str | None
    logs: tuple[Mapping[str, Any], ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TransactionReceipt:
        return cls(
            transaction=str(data["transactionHash"]),
            block=int(data["blockNumber"], 16),
            ok=int(data["status"], 16) == 1,
            gas_used=int(data["gasUsed"], 16),
            gas_price=int(data.get("effectiveGasPrice") or "0x0", 16),
            contract=checksum(data["contractAddress"]) if data.get("contractAddress") else None,
            logs=tuple(data["logs"]),
        )


@dataclass(frozen=True)
class Fees:
    """EIP-1559 fees in wei per gas."""

    max_fee: int
    priority_fee: int


class Transport(Protocol):
    """Carries JSON-RPC requests. Raises NodeUnreachable; errors of the node come back as they are."""

    name: str

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        """One answer (`{"result": …}` or `{"error": …}`) per request, in order."""

    def close(self) -> None:
        """Lets connections go."""


def redacted(url: str) -> str:
    """An endpoint without what may be secret: scheme, host and port only; "?" when these cannot be told."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "?"
    hidden = "/…" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.hostname or '?'}{port}{hidden}"


class HttpTransport:
    """JSON-RPC over HTTP with kept-alive connections; safe to share between threads."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        """`timeout` in seconds for each exchange."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            # Without a scheme all of it is a path, which may hold a key: only what looks like a host is shown.
            shown = redacted(url) if "://" in url else repr(url.partition("/")[0].rpartition("@")[2])
            raise NodeUnreachable(f"{shown} is no http or https address")
        self.name = redacted(url)
        self._url = url
        self._client = httpx.Client(timeout=timeout, headers={"Content-Type": "application/json"})

    def __repr__(self) -> str:
        return f"HttpTransport({self.name})"

    def close(self) -> None:
        self._client.close()

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        body = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": list(params)}
            for place, (method, params) in enumerate(requests)
        ]
        try:
            response = self._client.post(self._url, json=body if len(body) != 1 else body[0])
            answers = response.json()
        except httpx.HTTPError as error:
            raise NodeUnreachable(
                f"the node at {self.name} does not answer ({type(error).__name__}): "
                "is it running, is the address right?"
            ) from None
        except ValueError:
            text = f"{self.name} answered {response.status_code}, but not with JSON-RPC"
            raise NodeUnreachable(text) from None
        listed = [answers] if isinstance(answers, dict) and len(body) == 1 else answers
        if not isinstance(listed, list) or len(listed) != len(body):
            raise NodeUnreachable(f"{self.name} did not answer every request of a batch of {len(body)}")
        return sorted(listed, key=lambda answer: answer.get("id") or 0)


def answer_error(error: Mapping[str, Any], method: str, where: str) -> ChainError:
    """A JSON-RPC error as ours: ContractRefused when it is a revert, NodeRefused otherwise."""
    message, data = str(error.get("message", "")), error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data") or data.get("result")
    if isinstance(data, str) and data.startswith("0x") and "revert" in message.lower():
        return explain_revert(bytes.fromhex(data[2:]))
    if "execution reverted" in message.lower():
        return explain_revert(b"")
    number = error.get("code")
    return NodeRefused(f"{where} refused {method}: {message}", number if isinstance(number, int) else 0)


class Node:
    """Typed reads and plain sends over a transport. Blocks are numbers or tags; addresses 0x-text."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._chain_id: int | None = None

    def __repr__(self) -> str:
        return f"Node({self.transport.name})"

    @classmethod
    def connect(cls, url: str, timeout: float = 30.0) -> Self:
        """A node behind an http(s) address."""
        return cls(HttpTransport(url, timeout))

    def close(self) -> None:
        """Lets the transport go."""
        self.transport.close()

    def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """One request's result. Raises NodeUnreachable, NodeRefused, ContractRefused."""
        answer = self.transport.exchange([(method, params)])[0]
        return self._result(answer, method)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Results in order; raises the first error. The node may run them in any order."""
        if not requests:
            return []
        answers = self.transport.exchange(requests)
        return [self._result(answer, method) for answer, (method, _) in zip(answers, requests, strict=True)]

    def _result(self, answer: Mapping[str, Any], method: str) -> Any:
        error = answer.get("error")
        if error:
            raise answer_error(error, method, self.transport.name)
        return answer.get("result")

    # Reads

    def chain_id(self) -> int:
        """The chain's id, asked once."""
        if self._chain_id is None:
            self._chain_id = int(self.request("eth_chainId"), 16)
        return self._chain_id

    def block(self, block: Block = "latest") -> Mapping[str, Any]:
        """A block, transactions as hashes. Raises NodeRefused when there is no such block."""
        found = self.request("eth_getBlockByNumber", [_tag(block), False])
        if found is None:
            raise NodeRefused(f"{self.transport.name} has no block {block}")
        return dict(found)

    def block_number(self) -> int:
        """Number of the latest block."""
        return int(self.request("eth_blockNumber"), 16)

    def timestamp(self, block: Block = "latest") -> int:
        """Unix time of a block: the chain's clock."""
        return int(self.block(block)["timestamp"], 16)

    def now(self) -> int:
        """The chain's clock: the block under way, since the latest may be old on a quiet local chain."""
        latest = self.timestamp()
        try:
            return max(latest, self.timestamp("pending"))
        except (NodeRefused, TypeError, ValueError):
            return latest  # some nodes have no pending block

    def code(self, address: str, block: Block = "latest") -> bytes:
        """Runtime code; empty when there is no contract."""
        return bytes.fromhex(self.request("eth_getCode", [address, _tag(block)])[2:])

    def codes(self, addresses: Sequence[str]) -> list[bytes]:
        """Runtime codes in order, in one exchange."""
        answers = self.batch([("eth_getCode", [address, "latest"]) for address in addresses])
        return [bytes.fromhex(answer[2:]) for answer in answers]

    def balance(self, address: str) -> int:
        """Balance in wei."""
        return int(self.request("eth_getBalance", [address, "latest"]), 16)

    def nonce(self, address: str, block: Block = "pending") -> int:
        """The nonce of the account's next transaction."""
        return int(self.request("eth_getTransactionCount", [address, _tag(block)]), 16)

    def call(
        self, to: str, data: bytes, sender: str | None = None, block: Block = "latest", value: int = 0
    ) -> bytes:
        """Runs a call without a transaction. Raises ContractRefused when it reverts."""
        return bytes.fromhex(self.request("eth_call", [_message(to, data, sender, value), _tag(block)])[2:])

    def estimate(self, to: str | None, data: bytes, sender: str, value: int = 0) -> int:
        """Gas that a transaction would need now. Raises ContractRefused when it would revert."""
        return int(self.request("eth_estimateGas", [_message(to, data, sender, value)]), 16)

    def read(
        self, contract: Contract, address: str, function: str, *values: Any, block: Block = "latest"
    ) -> Any:
        """A view's result: structs as dicts by field. Raises ContractRefused, DeploymentMismatch."""
        return contract.decode(function, self.call(address, contract.encode(function, *values), block=block))

    def logs(
        self,
        address: str | Sequence[str],
        topics: Sequence[Any] = (),
        start: Block = 0,
        end: Block = "latest",
    ) -> list[dict[str, Any]]:
        """Raw logs of `address` between two blocks, both included."""
        filters = {"address": address, "topics": list(topics), "fromBlock": _tag(start), "toBlock": _tag(end)}
        return list(self.request("eth_getLogs", [filters]))

    def all_logs(
        self, address: str | Sequence[str], topics: Sequence[Any] = (), start: int = 0, end: int | None = None
    ) -> list[dict[str, Any]]:
        """As `logs` for any span: one that the node refuses is asked for in halves. `end` None: the latest block."""
        last = self.block_number() if end is None else end
        try:
            return self.logs(address, topics, start, last)
        except NodeRefused:
            if start >= last:
                raise
        middle = (start + last) // 2
        return [
            *self.all_logs(address, topics, start, middle),
            *self.all_logs(address, topics, middle + 1, last),
        ]

    def fees(self) -> Fees:
        """Fees that outlast five full blocks: twice the base fee, and the node's priority fee."""
        block, tip = self.batch(
            [("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])]
        )
        priority = int(tip, 16)
        return Fees(2 * int(block["baseFeePerGas"], 16) + priority, priority)

    # Transactions

    def send_raw(self, raw: bytes) -> str:
        """Broadcasts signed bytes; returns the hash."""
        return str(self.request("eth_sendRawTransaction", ["0x" + raw.hex()]))

    def receipt(self, transaction: str) -> TransactionReceipt | None:
        """None while the transaction is not in a block."""
        return self.receipts([transaction])[0]

    def receipts(self, transactions: Sequence[str]) -> list[TransactionReceipt | None]:
        """Receipts in order, in one exchange; None for what is not in a block."""
        answers = self.batch([("eth_getTransactionReceipt", [one]) for one in transactions])
        return [TransactionReceipt.from_json(answer) if answer else None for answer in answers]


def _tag(block: Block) -> str:
    return hex(block) if isinstance(block, int) else block


def _message(to: str | None, data: bytes, sender: str | None, value: int) -> dict[str, str]:
    message = {"data": "0x" + data.hex()}
    message.update({"to": to} if to else {})
    message.update({"from": sender} if sender else {})
    message.update({"value": hex(value)} if value else {})
    return message
