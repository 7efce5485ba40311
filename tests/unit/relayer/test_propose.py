"""What verifiers reject goes to the Court by itself: once a quorum says the same, and once only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, ROOT, ndjson, receipt_json, verdict_json

from tallystick.chain.dispute_events import CourtProposed
from tallystick.chain.errors import ContractRefused
from tallystick.chain.event_types import Event, Place
from tallystick.chain.rpc import Head
from tallystick.protocol.backing import Item, Signed
from tallystick.protocol.figures import encode_figure, encode_figures, figures_hash, leaf_hash
from tallystick.protocol.merkle import verify
from tallystick.relayer.apply import apply_events
from tallystick.relayer.contracts import LeafClaim
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.propose import LOOK_AGAIN, Proposer
from tallystick.store.database import Database
from tallystick.store.tables import (
    agreements,
    batch_leaves,
    batches,
    challenges,
    policies,
    rejections,
    transactions,
)

COURT = b"\x0c" * 20
NOW = market.NOW
NUMBER = 103  # under QUORUM: two of 3, 4, 5


class FakeContracts:
    court: bytes | None = COURT

    def __init__(self) -> None:
        self.proposed: list[tuple[int, int, LeafClaim | Item, list[int], int]] = []
        self.refusal: str | None = None

    def propose_call(
        self, agreement: int, valid: int, claim: LeafClaim | Item, verdicts: Sequence[Signed], reason: int
    ) -> bytes:
        self.proposed.append((agreement, valid, claim, [one.operator for one in verdicts], reason))
        return b"propose"

    def simulate(self, _target: bytes, _data: bytes, _sender: bytes) -> None:
        if self.refusal is not None:
            raise ContractRefused(self.refusal, "no", {})


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.contracts = FakeContracts()
        self.ingest = Ingest(database, DOMAIN, CREDENTIALS, max_pending_verdicts=3)
        self.told: list[str] = []
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.proposer = Proposer(
            database, self.contracts, engine,  # type: ignore[arg-type]
            notice=lambda event, **details: self.told.append(event), reached=lambda place: None,
        )  # fmt: skip

    def step(self, later: int = 0) -> None:
        self.proposer.step(Head(1, bytes(32), NOW + later, 0))

    def reject(
        self, *verifiers: int, agreement: int = NUMBER, units: int = 40, root: bytes = ROOT
    ) -> list[str]:
        said = [verdict_json(agreement, units, verifier=one, valid=False, root=root) for one in verifiers]
        return [outcome.code or outcome.status for outcome in self.ingest.verdicts(ndjson(*said))]

    def deliver(self, units: int = 100, agreement: int = NUMBER) -> None:
        assert self.ingest.receipts(ndjson(receipt_json(agreement, units)))[0].status == "accepted"

    def apply(self, *events: Event) -> None:
        with self.database.write() as connection:
            apply_events(connection, events, NOW)

    def state(self) -> list[tuple[int, str]]:
        with self.database.read() as connection:
            return [
                tuple(row) for row in connection.execute(select(rejections.c.valid_units, rejections.c.state))
            ]

    def change(self, table: Any, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(update(table).values(**values))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = market.open_market(tmp_path)
    yield Desk(database)
    database.close()


def test_propose__quorum_of_invalid_verdicts__shows_the_signed_receipt(desk: Desk) -> None:
    desk.deliver()
    assert desk.reject(4) == ["accepted"]
    desk.step()
    assert desk.contracts.proposed == [], "one of three is no quorum"
    assert desk.reject(3) == ["accepted"]
    desk.step()
    ((agreement, valid, claim, verifiers, reason),) = desk.contracts.proposed
    assert (agreement, valid, verifiers, reason) == (NUMBER, 40, [3, 4], 7)
    assert isinstance(claim, Item)
    assert (claim.receipt.units, claim.receipt.output_root) == (100, ROOT)
    assert desk.state() == [(40, "proposing")]
    desk.step(LOOK_AGAIN)
    assert len(desk.contracts.proposed) == 1, "its transaction is under way"


def test_propose__figure_is_posted__shows_the_leaf_with_its_proof(desk: Desk) -> None:
    desk.deliver()
    outputs = [b"\x01" * 32, ROOT, b"\x03" * 32]
    encoded = encode_figures([(7, 1), (NUMBER, 100), (200, 9)])
    from tallystick.protocol.figures import batch_root

    root = batch_root(encoded, b"".join(outputs))
    with desk.database.write() as connection:
        connection.execute(
            insert(batches).values(
                batch="77", policy=3, operator=9, nonce=0, value=200, deadline=9_999, figures=encoded,
                outputs=b"".join(outputs), root=root, figures_hash=figures_hash(encoded), state="settled",
                posted_at=NOW, created_at=NOW,
            )
        )  # fmt: skip
        leaf = {"batch": "77", "idx": 1, "agreement": NUMBER, "units": 100, "output_root": ROOT}
        connection.execute(insert(batch_leaves).values(leaf))
    desk.reject(3, 5)
    desk.step()
    claim = desk.contracts.proposed[0][2]
    assert isinstance(claim, LeafClaim)
    assert (claim.batch, claim.idx, claim.figure) == (77, 1, encode_figure(NUMBER, 100))
    assert verify(claim.proof, root, leaf_hash(1, claim.figure, ROOT))


def test_propose__leaf_went_void__shows_the_receipt_instead(desk: Desk) -> None:
    test_propose__figure_is_posted__shows_the_leaf_with_its_proof(desk)
    with desk.database.write() as connection:
        row = {"batch": "77", "idx": 1, "agreement": NUMBER, "relayer": 9, "challenger": b"", "bond": 0}
        connection.execute(insert(challenges).values(**row, starts_at=0, state="void"))
    desk.change(rejections, state="waiting", tries=1)
    desk.step(LOOK_AGAIN)
    assert isinstance(desk.contracts.proposed[1][2], Item)


def test_propose__verdicts_before_their_receipt__wait_for_it(desk: Desk) -> None:
    assert desk.reject(3, 4) == ["accepted", "accepted"]
    desk.step()
    assert (desk.contracts.proposed, desk.state()) == ([], [(40, "waiting")])
    desk.deliver()
    desk.step(LOOK_AGAIN)
    assert len(desk.contracts.proposed) == 1


def test_propose__verifiers_disagree_on_what_is_valid__no_quorum(desk: Desk) -> None:
    desk.deliver()
    desk.reject(3, units=40)
    desk.reject(4, units=41)
    desk.step()
    assert desk.contracts.proposed == []
    assert desk.reject(5, units=41) == ["accepted"]
    desk.step()
    assert [one[1] for one in desk.contracts.proposed] == [41]


def test_propose__nothing_is_valid__zero_units(desk: Desk) -> None:
    desk.deliver()
    assert desk.reject(3, 4, units=0) == ["accepted", "accepted"]
    desk.step()
    assert [one[1] for one in desk.contracts.proposed] == [0]


def test_propose__final_event__ends_it_whoever_carried_it(desk: Desk) -> None:
    desk.deliver()
    desk.reject(3, 4)
    place = Place(30, "0x" + "00" * 32, "0x" + "00" * 32, 0)
    desk.apply(CourtProposed(place, 6, NUMBER, 100, 40, ROOT, (3, 4), 5, 5))
    desk.step()
    assert (desk.contracts.proposed, desk.state()) == ([], [(40, "proposed")])


def test_propose__transaction_failed__another_follows(desk: Desk) -> None:
    desk.deliver()
    desk.reject(3, 4)
    desk.step()
    desk.change(transactions, state="reverted", problem="Court_NotEnoughStake: no")
    desk.step(1)
    assert desk.state() == [(40, "waiting")]
    desk.step(600)
    assert len(desk.contracts.proposed) == 2
    assert desk.told == ["proposal_asked", "proposal_retry", "proposal_asked"]


def test_propose__court_refuses__told_once_and_tried_again(desk: Desk) -> None:
    desk.deliver()
    desk.reject(3, 4)
    desk.contracts.refusal = "Court_AlreadyDisputed"
    for later in (0, 5, LOOK_AGAIN):
        desk.step(later)
    assert desk.told == ["proposal_refused"]
    desk.contracts.refusal = None
    desk.step(2 * LOOK_AGAIN)
    assert desk.told[-1] == "proposal_asked"


def test_propose__agreement_closed_meanwhile__over(desk: Desk) -> None:
    desk.deliver()
    desk.reject(3, 4)
    desk.change(agreements, status=2)
    desk.step()
    assert desk.state() == [(40, "over")]


def test_reject__lease__seconds_not_served_are_reported_not_rejected(desk: Desk) -> None:
    desk.change(agreements, mode=1, unit_price=1, funded_until=0)
    assert desk.reject(3, 4) == ["accepted", "accepted"]
    assert desk.state() == []


def test_reject__more_than_may_wait__backlog_full(desk: Desk) -> None:
    for units in (1, 2, 3):
        assert desk.reject(3, units=units) == ["accepted"]
    assert desk.reject(3, units=4) == ["backlog_full"]
    desk.deliver()
    assert desk.reject(3, units=4) == ["accepted"], "of a receipt that is here, always"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 6}, "verifier_version_too_low"),
        ({"confidence": 8_999}, "confidence_too_low"),
        ({}, "accepted"),
    ],
)
@pytest.mark.parametrize("valid", [True, False])
def test_verdict__below_what_the_policy_counts__is_refused(
    desk: Desk, changes: dict[str, int], code: str, valid: bool
) -> None:
    desk.change(policies, verifier_version=7, min_confidence=9_000)
    desk.deliver()
    said = {"version": 7, "confidence": 9_000} | changes
    outcome = desk.ingest.verdicts(ndjson(verdict_json(NUMBER, 100 if valid else 40, valid=valid, **said)))[0]
    assert (outcome.code or outcome.status) == code
