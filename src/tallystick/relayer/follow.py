"""Follows the chain: final events, block by block, into the mirror tables.

Rows and cursor are committed together, so a crash between two steps repeats nothing and leaves nothing out.
What is not final yet is never read: the mirror does not know reorgs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import eth_abi
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tallystick.chain.abi import EventType, named
from tallystick.chain.contracts import load
from tallystick.chain.engine import Notice
from tallystick.chain.errors import ChainError, NodeRefused
from tallystick.chain.rpc import Head, RpcPool
from tallystick.protocol.enums import SkipReason, Status
from tallystick.protocol.keys import parse_address, to_checksum
from tallystick.store.database import Database, get_meta, set_meta
from tallystick.store.tables import (
    agreements,
    attempts,
    batches,
    dead_letters,
    figures,
    operator_keys,
    operators,
    policies,
)

__all__ = ["CHAIN_TIME", "FOLLOWED_BLOCK", "ChainRewritten", "Follower", "apply_logs"]

FOLLOWED_BLOCK: Final = "followed_block"
FOLLOWED_HASH: Final = "followed_hash"
CHAIN_TIME: Final = "chain_time"
"""Meta key: the newest block's time, for all who decide by the chain's clock."""

MAX_INT64: Final = 2**63 - 1
_FEW_BLOCKS: Final = 16


class ChainRewritten(ChainError):
    """A block that was final has changed: the database belongs to another chain. Code `wrong_chain`."""

    def __init__(self, message: str) -> None:
        super().__init__("wrong_chain", message)


class Happened(NamedTuple):
    """One decoded event: its block and transaction, and the time (seconds) at which it is read."""

    block: int
    transaction: bytes
    now: int
    values: Mapping[str, Any]


# -- handlers: one per event, each a few statements ------------------------------------------------


def _policy_added(connection: Connection, event: Happened) -> None:
    terms = event.values["terms"]
    row = {
        "policy": event.values["policy"],
        "kind": terms["kind"],
        "quorum": terms["quorum"],
        "relayer": terms["relayer"],
        "coverage_bps": terms["coverageBps"],
        "stake_multiple": terms["stakeMultiple"],
        "value_cap": min(terms["valueCap"], MAX_INT64),
        "challenge_window": terms["challengeWindow"],
        "self_post_window": terms["selfPostWindow"],
        "response_window": terms["responseWindow"],
        "dispute_time": terms["disputeTime"],
        "notice": terms["notice"],
        "verifiers": list(terms["verifiers"]),
        "retired": False,
    }
    connection.execute(upsert(policies).values(row).on_conflict_do_nothing())


def _policy_retired(connection: Connection, event: Happened) -> None:
    wanted = policies.c.policy == event.values["policy"]
    connection.execute(update(policies).where(wanted).values(retired=True))


def _registered(connection: Connection, event: Happened) -> None:
    row = {
        "operator": event.values["operator"],
        "owner": parse_address(event.values["owner"]),
        "roles": event.values["roles"],
    }
    connection.execute(upsert(operators).values(row).on_conflict_do_nothing())


def _key_authorised(connection: Connection, event: Happened) -> None:
    row = {**_key(event), "valid_from": event.values["validFrom"], "revoked_at": 0}
    connection.execute(upsert(operator_keys).values(row).on_conflict_do_nothing())


def _key_revoked(connection: Connection, event: Happened) -> None:
    wanted = [operator_keys.c[name] == value for name, value in _key(event).items()]
    connection.execute(update(operator_keys).where(*wanted).values(revoked_at=event.values["revokedAt"]))


def _key(event: Happened) -> dict[str, Any]:
    values = event.values
    return {"operator": values["operator"], "kind": values["kind"], "key": parse_address(values["key"])}


def _opened(connection: Connection, event: Happened) -> None:
    terms, fees = event.values["terms"], event.values["fees"]
    row = {
        "agreement": event.values["agreement"],
        "customer": terms["customer"],
        "funder": terms["funder"],
        "operator": terms["operator"],
        "payee": terms["payee"],
        "mode": terms["mode"],
        "policy": terms["policy"],
        "unit_price": terms["unitPrice"],
        "budget": terms["budget"],
        "fee_provider": fees >> 16,
        "fee_customer": fees & 0xFFFF,
        "start": event.values["start"],
        "expiry": terms["expiry"],
        "stop_at": 0,
        "status": Status.OPEN,
        "paid": 0,
        "opened_block": event.block,
    }
    connection.execute(upsert(agreements).values(row).on_conflict_do_nothing())


def _settled(connection: Connection, event: Happened) -> None:
    _change_agreement(connection, event, paid=event.values["paid"])


def _close_requested(connection: Connection, event: Happened) -> None:
    _change_agreement(connection, event, stop_at=event.values["stopAt"])


def _closed(connection: Connection, event: Happened) -> None:
    _change_agreement(connection, event, paid=event.values["paid"], status=Status.CLOSED)


def _change_agreement(connection: Connection, event: Happened, **values: Any) -> None:
    wanted = agreements.c.agreement == event.values["agreement"]
    connection.execute(update(agreements).where(wanted).values(**values))


def _figure_skipped(connection: Connection, event: Happened) -> None:
    """A figure that our settlement did not move: it waits again if that can help, else it is set aside.

    Strangers' settlements are not looked at: ours comes after them and says what is left.
    """
    agreement, units, reason = (event.values[name] for name in ("agreement", "units", "reason"))
    if reason in (SkipReason.STALE, SkipReason.CAPPED_AT_BUDGET) or not _ours(connection, event):
        return
    if reason == SkipReason.ABOVE_DECLARED_VALUE:
        wanted = figures.c.agreement == agreement
        connection.execute(update(figures).where(wanted).values(batched_units=0, ready_at=event.now))
        return
    why = SkipReason(reason).name.lower()
    set_aside(connection, agreement, units, why, "the settlement left it out", event.now)


def _batch_settled(connection: Connection, event: Happened) -> None:
    """What a batch moved so far. Our own settlement ends it, at once with the new `paid`."""
    number = str(event.values["batch"])
    values: dict[str, Any] = {"moved": event.values["moved"]}
    if _ours(connection, event):
        values["state"] = "settled"
    connection.execute(
        update(batches).where(batches.c.batch == number, batches.c.state != "lost").values(**values)
    )


def _ours(connection: Connection, event: Happened) -> bool:
    wanted = select(attempts.c.id).where(attempts.c.hash == event.transaction)
    return connection.execute(wanted).first() is not None


def set_aside(connection: Connection, agreement: int, units: int, reason: str, detail: str, now: int) -> None:
    """Writes a figure into the dead letters, once."""
    row = {"agreement": agreement, "units": units, "reason": reason, "detail": detail, "created_at": now}
    connection.execute(upsert(dead_letters).values(row).on_conflict_do_nothing())


Handler = Callable[[Connection, Happened], None]

HANDLERS: Final[Mapping[tuple[str, str], Handler]] = {
    ("PolicyBook", "PolicyAdded"): _policy_added,
    ("PolicyBook", "PolicyRetired"): _policy_retired,
    ("Staking", "Registered"): _registered,
    ("Staking", "KeyAuthorised"): _key_authorised,
    ("Staking", "KeyRevoked"): _key_revoked,
    ("Escrow", "Opened"): _opened,
    ("Escrow", "Settled"): _settled,
    ("Escrow", "CloseRequested"): _close_requested,
    ("Escrow", "Closed"): _closed,
    ("Escrow", "FigureSkipped"): _figure_skipped,
    ("ReceiptLedger", "BatchSettled"): _batch_settled,
}


# -- decoding --------------------------------------------------------------------------------------


class _Decoder:
    """Decodes one event's logs."""

    def __init__(self, event: EventType, handler: Handler) -> None:
        self.handler = handler
        self._indexed = [part for part in event.inputs if part.indexed]
        self._plain = [part for part in event.inputs if not part.indexed]
        self._types = [part.type for part in self._plain]

    def values(self, log: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part, topic in zip(self._indexed, log["topics"][1:], strict=True):
            found[part.name] = eth_abi.decode([part.type], bytes.fromhex(topic[2:]))[0]
        data = eth_abi.decode(self._types, bytes.fromhex(log["data"][2:]))
        for part, value in zip(self._plain, data, strict=True):
            found[part.name] = named(part, value)
        return found


def decoders(addresses: Mapping[str, bytes]) -> dict[tuple[str, str], _Decoder]:
    """Decoders by (lower-case address, topic 0)."""
    return {
        ("0x" + addresses[name].hex(), "0x" + event.digest.hex()): _Decoder(event, handler)
        for (name, title), handler in HANDLERS.items()
        for event in [load(name).events[title]]
    }


def apply_logs(
    connection: Connection,
    known: Mapping[tuple[str, str], _Decoder],
    logs: Sequence[Mapping[str, Any]],
    now: int,
) -> int:
    """Writes logs into the mirror in the chain's order. Returns how many were of interest."""
    count = 0
    for log in sorted(logs, key=lambda one: (int(one["blockNumber"], 16), int(one["logIndex"], 16))):
        decoder = known.get((log["address"].lower(), log["topics"][0])) if log["topics"] else None
        if decoder is not None:
            block, transaction = int(log["blockNumber"], 16), bytes.fromhex(log["transactionHash"][2:])
            decoder.handler(connection, Happened(block, transaction, now, decoder.values(log)))
            count += 1
    return count


# -- the loop --------------------------------------------------------------------------------------


class Follower:
    """Keeps the mirror at the chain's newest final block."""

    def __init__(
        self,
        pool: RpcPool,
        database: Database,
        addresses: Mapping[str, bytes],
        first_block: int,
        *,
        log_range: int = 2_000,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`first_block` is the first that can hold events; `log_range` the most blocks in one request."""
        self._pool = pool
        self._database = database
        self._decoders = decoders(addresses)
        self._addresses = [to_checksum(address) for address in addresses.values()]
        self._topics = sorted({topic for _, topic in self._decoders})
        self._first_block = first_block
        self._log_range = self._most = log_range
        self._notice = notice
        self._reached = reached
        self._checked: str | None = None

    def step(self, head: Head, ranges: int = 10) -> bool:
        """Reads at most `ranges` ranges of new final blocks. Returns whether it has caught up.

        Raises ChainError when the chain cannot be read, ChainRewritten when a final block has changed.
        """
        final = self._pool.head("finalized")
        with self._database.read() as connection:
            cursor, known = get_meta(connection, FOLLOWED_BLOCK), get_meta(connection, FOLLOWED_HASH)
            time_known = get_meta(connection, CHAIN_TIME)
        at = self._first_block - 1 if cursor is None else int(cursor)
        if known is not None and self._checked != known:
            self._check_history(at, known)
        for _ in range(ranges):
            if at >= final.number:
                break
            at = self._read_range(at + 1, min(at + self._log_range, final.number), head)
        else:
            return at >= final.number
        if time_known != str(head.timestamp):
            with self._database.write() as connection:
                set_meta(connection, CHAIN_TIME, str(head.timestamp))
        return True

    def _read_range(self, start: int, end: int, head: Head) -> int:
        """Returns the block up to which it came: less than `end` when the node gives only smaller ranges."""
        try:
            logs = self._pool.node.logs(self._addresses, [self._topics], start, end)
        except NodeRefused:
            if end - start < _FEW_BLOCKS:
                raise
            self._log_range = max((end - start) // 2, 1)
            return start - 1
        last = self._pool.head(end)
        if any(log.get("removed") for log in logs):
            raise NodeRefused(f"{self._pool.name} gave logs of blocks {start} to {end} that a reorg removed")
        self._reached("follow.before")
        with self._database.write() as connection:
            count = apply_logs(connection, self._decoders, logs, head.timestamp)
            set_meta(connection, FOLLOWED_BLOCK, str(end))
            set_meta(connection, FOLLOWED_HASH, "0x" + last.hash.hex())
            set_meta(connection, CHAIN_TIME, str(head.timestamp))
        self._reached("follow.after")
        self._checked = "0x" + last.hash.hex()
        self._log_range = min(self._log_range * 2, self._most)
        self._notice("followed", block=end, events=count)
        return end

    def _check_history(self, block: int, known: str) -> None:
        """Once a start: the block that was read last must be what it was."""
        found = "0x" + self._pool.head(block).hash.hex()
        if found != known:
            raise ChainRewritten(
                f"block {block}, which was final, has changed: the chain is another one; give a new database"
            )
        self._checked = known
