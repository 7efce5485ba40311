"""Several endpoints of one chain as one: reads fail over, sends go to all, each must be of the right chain.

A read is tried once at each endpoint, the last good one first. A send is tried once at each endpoint and
never again by itself: what the answers mean is for the transaction engine to judge. Addresses of endpoints
are shown redacted only.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from .errors import ChainError, NodeUnreachable
from .node import HttpTransport, Node, Transport

__all__ = ["Head", "RpcPool", "SendAnswer", "SendOutcome", "WrongChain", "classify_send_error", "head_of"]

TIMEOUT: Final = 5.0
"""Seconds for one exchange with one endpoint."""

COOL_DOWN: Final = 10.0
"""Seconds for which an endpoint that did not answer is spared sends, as long as another one answers."""

_TRANSIENT: Final = frozenset({-32005, -32603, -32002, -32016, -32097})
"""JSON-RPC errors that another endpoint may not have: limits, internal errors, resource unavailable."""


class WrongChain(ChainError):
    """An endpoint is of another chain than expected. Code `wrong_chain`."""

    def __init__(self, message: str) -> None:
        super().__init__("wrong_chain", message)


class SendOutcome(StrEnum):
    """What a node's answer to eth_sendRawTransaction means."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"
    NONCE_TOO_LOW = "nonce_too_low"  # mined already, or the nonce went to another transaction
    UNDERPRICED = "underpriced"  # the node holds another one with this nonce, too dear to be replaced
    FEE_TOO_LOW = "fee_too_low"  # below the base fee, or the node's own floor
    NO_FUNDS = "no_funds"
    REFUSED = "refused"  # anything else: read the message
    UNKNOWN = "unknown"  # no answer: the node may have taken it


@dataclass(frozen=True)
class SendAnswer:
    """One endpoint's answer to a send."""

    endpoint: str
    outcome: SendOutcome
    message: str = ""

    @property
    def arrived(self) -> bool:
        """Whether this node holds the very transaction now."""
        return self.outcome in (SendOutcome.ACCEPTED, SendOutcome.ALREADY_KNOWN)


@dataclass(frozen=True)
class Head:
    """A block's place and time. `timestamp` in seconds is the chain's clock; `base_fee` in wei per gas."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int


def head_of(block: Mapping[str, Any]) -> Head:
    """A block as JSON-RPC gives it, reduced to a Head."""
    return Head(
        number=int(block["number"], 16),
        hash=bytes.fromhex(block["hash"][2:]),
        timestamp=int(block["timestamp"], 16),
        base_fee=int(block.get("baseFeePerGas") or "0x0", 16),
    )


# Words of geth, erigon, nethermind, besu, reth and Anvil for the same few facts, first match counts.
_MEANINGS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), outcome)
    for pattern, outcome in (
        (r"already known|already imported|known transaction|already in (the )?(mem)?pool|alreadyknown",
         SendOutcome.ALREADY_KNOWN),
        (r"replacement (transaction|fee)|replacement ?not ?allowed|underpriced.*replac|replaceunderpriced",
         SendOutcome.UNDERPRICED),
        (r"nonce (is )?too low|oldnonce|invalid nonce|nonce.*(below|already used)",
         SendOutcome.NONCE_TOO_LOW),
        (r"less than block base fee|underpriced|fee.*too low|feetoolow|max fee per gas less",
         SendOutcome.FEE_TOO_LOW),
        (r"insufficient funds|insufficient balance|upfront cost exceeds|insufficientfunds",
         SendOutcome.NO_FUNDS),
    )
)  # fmt: skip


def classify_send_error(message: str) -> SendOutcome:
    """What an error message of eth_sendRawTransaction means; REFUSED when it is none of the known ones."""
    return next((outcome for words, outcome in _MEANINGS if words.search(message)), SendOutcome.REFUSED)


class _Endpoint:
    """One transport, and whether it was seen to be of the right chain since it last failed."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.verified = False
        self.failed_at: float | None = None


class RpcPool:
    """A `Transport` over several endpoints; `node` gives typed reads over it. Threads may share it."""

    def __init__(
        self, transports: Sequence[Transport], chain_id: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`chain_id` is what every endpoint must answer; `clock` counts seconds for cool-downs."""
        if not transports:
            raise NodeUnreachable("no endpoint was given: name at least one with --rpc")
        self._endpoints = [_Endpoint(transport) for transport in transports]
        self._order = list(self._endpoints)
        self._lock = threading.Lock()
        self._clock = clock
        self.chain_id = chain_id
        self.name = ", ".join(transport.name for transport in transports)
        self.node = Node(self)

    @classmethod
    def connect(cls, urls: Sequence[str], chain_id: int | None = None, timeout: float = TIMEOUT) -> Self:
        """A pool over http(s) addresses. Without `chain_id` the first that answers says it.

        Raises NodeUnreachable when none answers, WrongChain when one is of another chain.
        """
        transports = [HttpTransport(url, timeout) for url in urls]
        pool = cls(transports, 0 if chain_id is None else chain_id)
        try:
            if chain_id is None:
                pool.chain_id = pool._ask_chain_id()
            pool.check()
        except ChainError:
            pool.close()
            raise
        return pool

    def __repr__(self) -> str:
        return f"RpcPool({self.name})"

    def close(self) -> None:
        """Lets all connections go."""
        for endpoint in self._endpoints:
            endpoint.transport.close()

    def check(self) -> list[str]:
        """Asks every endpoint for its chain. Returns the redacted names of those that do not answer.

        Raises WrongChain when one is of another chain, NodeUnreachable when none answers.
        """
        silent = []
        for endpoint in self._endpoints:
            try:
                self._verify(endpoint)
            except NodeUnreachable:
                silent.append(endpoint.transport.name)
        if len(silent) == len(self._endpoints):
            raise NodeUnreachable(f"no endpoint answers ({self.name}): is the node running, is --rpc right?")
        return silent

    def exchange(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
        """One answer per request, all from the same endpoint. Raises NodeUnreachable when none answers.

        Raises WrongChain when all that answer are of another chain. Sends nothing: see `send_raw`.
        """
        if any(method == "eth_sendRawTransaction" for method, _ in requests):
            raise ValueError("transactions go through send_raw, to every endpoint")
        failure: ChainError | None = None
        kept: list[Mapping[str, Any]] | None = None
        for endpoint in list(self._order):
            try:
                self._verify(endpoint)
                answers = _exchange(endpoint.transport, requests)
            except ChainError as error:
                self._failed(endpoint)
                if not isinstance(failure, WrongChain):
                    failure = error
                continue
            if not any(_transient(answer) for answer in answers):
                self._prefer(endpoint)
                return answers
            kept = answers
        if kept is not None:
            return kept
        assert failure is not None
        raise failure

    def send_raw(self, raw: bytes) -> list[SendAnswer]:
        """Broadcasts signed bytes once to every endpoint; never raises for what one of them says.

        Endpoints that were silent lately are left out while others are not.
        """
        lively = [endpoint for endpoint in self._endpoints if not self._cooling(endpoint)]
        return [self._send(endpoint, raw) for endpoint in lively or self._endpoints]

    def head(self, tag: str | int = "latest") -> Head:
        """The block `tag`: latest, safe, finalized or a number. Raises NodeRefused when there is none."""
        return head_of(self.node.block(tag))

    def _send(self, endpoint: _Endpoint, raw: bytes) -> SendAnswer:
        name = endpoint.transport.name
        try:
            self._verify(endpoint)
            answer = _exchange(endpoint.transport, [("eth_sendRawTransaction", ["0x" + raw.hex()])])[0]
        except WrongChain as error:
            return SendAnswer(name, SendOutcome.REFUSED, error.message)
        except ChainError as error:
            self._failed(endpoint)
            return SendAnswer(name, SendOutcome.UNKNOWN, error.message)
        problem = answer.get("error")
        if not problem:
            return SendAnswer(name, SendOutcome.ACCEPTED)
        message = str(problem.get("message", problem) if isinstance(problem, Mapping) else problem)
        return SendAnswer(name, classify_send_error(message), message)

    def _verify(self, endpoint: _Endpoint) -> None:
        if endpoint.verified:
            return
        found = _chain_id(endpoint.transport)
        if found != self.chain_id:
            raise WrongChain(f"{endpoint.transport.name} is of chain {found}, not of chain {self.chain_id}")
        endpoint.verified, endpoint.failed_at = True, None

    def _failed(self, endpoint: _Endpoint) -> None:
        endpoint.verified, endpoint.failed_at = False, self._clock()

    def _cooling(self, endpoint: _Endpoint) -> bool:
        return endpoint.failed_at is not None and self._clock() - endpoint.failed_at < COOL_DOWN

    def _ask_chain_id(self) -> int:
        for endpoint in self._endpoints:
            try:
                return _chain_id(endpoint.transport)
            except NodeUnreachable:
                continue
        raise NodeUnreachable(f"no endpoint answers ({self.name}): is the node running, is --rpc right?")

    def _prefer(self, endpoint: _Endpoint) -> None:
        if self._order[0] is not endpoint:
            with self._lock:
                self._order = [endpoint, *(other for other in self._order if other is not endpoint)]


def _chain_id(transport: Transport) -> int:
    answer = _exchange(transport, [("eth_chainId", [])])[0]
    try:
        return int(answer["result"], 16)
    except (KeyError, TypeError, ValueError):
        raise NodeUnreachable(f"{transport.name} does not say which chain it is of") from None


def _exchange(transport: Transport, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Mapping[str, Any]]:
    """As the transport's own, with every answer checked to be one."""
    try:
        answers = transport.exchange(requests)
    except (AttributeError, TypeError, KeyError):
        raise NodeUnreachable(f"{transport.name} answered, but not with JSON-RPC") from None
    if len(answers) != len(requests) or not all(map(_is_answer, answers)):
        raise NodeUnreachable(f"{transport.name} answered by half")
    return answers


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, Mapping) and ("result" in answer or bool(answer.get("error")))


def _transient(answer: Mapping[str, Any]) -> bool:
    error = answer.get("error")
    return isinstance(error, Mapping) and error.get("code") in _TRANSIENT and not error.get("data")
