"""Drives a relayer in this process, block by block, with every time given: the same run twice is the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from tallystick.chain.engine import EngineLimits
from tallystick.chain.fees import FeeLimits
from tallystick.chain.rpc import RpcPool
from tallystick.protocol.eip712 import credentials_domain, ledger_domain
from tallystick.relayer.config import BatchLimits, RelayerConfig
from tallystick.relayer.contracts import Contracts
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.metrics import Metrics
from tallystick.relayer.service import Relayer
from tallystick.store.database import Database
from tallystick.store.tables import metadata
from tests.relayer.scene import POLICY, RELAYER, Scene, ndjson

BLOCK_TIME = 12  # seconds

structlog.configure(processors=[structlog.testing.LogCapture()])


class CrashPoint(BaseException):
    """The process dies here."""


def _go_on(place: str) -> None:
    pass


class Driver:
    """A relayer and its database; `crash` forgets the one and keeps the other."""

    def __init__(
        self,
        scene: Scene,
        database: Path,
        batch: BatchLimits | None = None,
        reached: Callable[[str], None] = _go_on,
        confirmations: int = 1,
        **settings: Any,
    ) -> None:
        """`settings`: more of the RelayerConfig. Rewards are left alone unless these say otherwise: whether a script
        passes a midnight must not matter."""
        self.scene = scene
        self.path = database
        self.reached = reached
        self.wall = 0.0
        self.config = RelayerConfig(
            rpc=(scene.anvil.url,),
            deployments=scene.folder / "deployments",
            database=str(database),
            policies=(POLICY,),
            operator=RELAYER,
            batch=batch or BatchLimits(age=60),
            engine=EngineLimits(FeeLimits(seconds=24, blocks=2), confirmations=confirmations),
            **{"checkpoint_interval": 0, **settings},
        )
        self.start()

    def start(self) -> None:
        """Opens the database and builds everything anew, as a new process would."""
        self.pool = self.make_pool()
        self.contracts = Contracts(self.pool.node, self.scene.deployment)
        self.database = Database.open(self.path)
        self.database.remember(self.pool.chain_id, self.contracts.addresses)
        self.metrics = Metrics(CollectorRegistry())
        self.relayer = Relayer(
            self.config,
            self.pool,
            self.database,
            self.contracts,
            self.scene.relayer,
            self.metrics,
            log=structlog.get_logger(),
            reached=self.reached,
            clock=lambda: self.wall,
        )
        domain = ledger_domain(self.pool.chain_id, self.contracts.ledger)
        credentials = credentials_domain(self.pool.chain_id, self.contracts.credentials)
        self.ingest = Ingest(self.database, domain, credentials, policies=(POLICY,))

    def make_pool(self) -> RpcPool:
        return self.scene.pool

    def stop(self) -> None:
        self.pool.close()
        self.database.close()

    def round(self) -> int:
        """One round that ends; dies and starts again at every crash point. Returns how often it died."""
        deaths = 0
        while True:
            try:
                self.relayer.round()
            except CrashPoint:
                deaths += 1
                self.stop()
                self.start()
                continue
            self.wall += 60.0  # back-offs in real time are over at the next round
            return deaths

    def deliver(self, figures: Sequence[tuple[int, int]]) -> list[str]:
        """Receipts and verdicts of (agreement, units). Returns their statuses."""
        receipts = ndjson([self.scene.receipt(agreement, units) for agreement, units in figures])
        verdicts = ndjson([self.scene.verdict(agreement, units) for agreement, units in figures])
        outcomes = [*self.ingest.receipts(receipts), *self.ingest.verdicts(verdicts)]
        return [outcome.status for outcome in outcomes]

    def block(self, later: int = BLOCK_TIME) -> None:
        """Mines one block, `later` seconds after the newest."""
        anvil = self.scene.anvil
        anvil.set_next_block_timestamp(anvil.node.timestamp() + later)
        anvil.mine()

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A whole table."""
        with self.database.read() as connection:
            found = connection.execute(select(metadata.tables[table])).mappings().all()
        return [dict(row) for row in found]

    def states(self, table: str = "batches") -> list[str]:
        return [row["state"] for row in self.rows(table)]
