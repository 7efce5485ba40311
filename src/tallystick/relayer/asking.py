"""How every loop asks for a transaction: listed for signing, tried, and in one commit with what is noted of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from tallystick.chain.engine import Intent, TransactionEngine
from tallystick.chain.errors import ContractRefused
from tallystick.store.database import Database
from tallystick.store.transactions import add_intent

from .contracts import Contracts

__all__ = ["Asker"]


class Asker:
    """One loop's way to the engine. `place` names its commit points: `<place>.before` and `<place>.after`."""

    def __init__(
        self,
        place: str,
        database: Database,
        contracts: Contracts,
        engine: TransactionEngine,
        reached: Callable[[str], None],
    ) -> None:
        self._place = place
        self._database = database
        self._contracts = contracts
        self._engine = engine
        self._reached = reached

    def refusal(self, intent: Intent) -> str:
        """Why the contract would refuse it now, as `code: sentence`; empty when it would not.

        Raises NotListed when it is not to be signed at all, ChainError when the chain cannot be read.
        """
        self._engine.check(intent.target, intent.data)
        try:
            self._contracts.simulate(intent.target, intent.data, self._engine.sender)
        except ContractRefused as refusal:
            return f"{refusal.code}: {refusal.message}"
        return ""

    @contextmanager
    def asked(self, intent: Intent, now: int) -> Iterator[Connection]:
        """Asks for it, once for ever under its key. What is written inside is committed with it, or not at all.

        Raises NotListed when it is not to be signed.
        """
        self._engine.check(intent.target, intent.data)
        self._reached(f"{self._place}.before")
        with self._database.write() as connection:
            add_intent(connection, self._engine.sender, intent, now)
            yield connection
        self._reached(f"{self._place}.after")
