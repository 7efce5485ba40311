"""Challenges answered from the store, and what becomes of figures whose leaf is blocked, answered or lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from tests.support import market
from tests.support.market import CREDENTIALS, DOMAIN, ROOT, ndjson, receipt_json, verdict_json

from tallystick.chain.dispute_events import (
    ChallengesAnswered,
    ChallengesChallenged,
    ChallengesDismissed,
    ChallengesStarted,
    ChallengesVoided,
)
from tallystick.chain.errors import ContractRefused
from tallystick.chain.event_types import (
    EscrowFigureSkipped,
    EscrowFrozen,
    EscrowUnfrozen,
    Event,
    Place,
    ReceiptLedgerBatchCancelled,
    ReceiptLedgerBatchSettled,
)
from tallystick.chain.rpc import Head
from tallystick.protocol.backing import Item
from tallystick.protocol.enums import SkipReason
from tallystick.protocol.figures import batch_root, encode_figures, figures_hash
from tallystick.relayer.answer import LOOK_AGAIN, Answerer
from tallystick.relayer.apply import apply_events
from tallystick.relayer.batch import waiting_figures
from tallystick.relayer.ingest import Ingest
from tallystick.relayer.worth import useful
from tallystick.store.database import Database
from tallystick.store.tables import (
    agreements,
    attempts,
    batch_leaves,
    batches,
    challenges,
    dead_letters,
    figures,
    receipts,
    transactions,
    verdicts,
)

ME, CHALLENGES, STRANGER = 9, b"\x0c" * 20, b"\x0d" * 20
BATCH = 3 << 80 | ME << 48
OURS = b"\x0a" * 32
NOW = market.NOW
NUMBER = 103  # under QUORUM: two of 3, 4, 5


class FakeContracts:
    """Remembers what it was shown; refuses with `refusal`."""

    challenges: bytes | None = CHALLENGES

    def __init__(self) -> None:
        self.shown: list[tuple[int, int, Item]] = []
        self.refusal: str | None = None

    def answer_call(self, batch: int, index: int, item: Item) -> bytes:
        self.shown.append((batch, index, item))
        return b"answer"

    def simulate(self, _target: bytes, _data: bytes, _sender: bytes) -> None:
        if self.refusal is not None:
            raise ContractRefused(self.refusal, "no", {})


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.contracts = FakeContracts()
        self.told: list[tuple[str, dict[str, Any]]] = []
        engine = SimpleNamespace(sender=b"\x07" * 20, check=lambda target, data: None)
        self.answerer = Answerer(
            database, self.contracts, engine, ME, DOMAIN,  # type: ignore[arg-type]
            notice=lambda event, **details: self.told.append((event, details)), reached=lambda place: None,
        )  # fmt: skip

    def step(self, later: int = 0) -> None:
        self.answerer.step(Head(1, bytes(32), NOW + later, 0))

    def apply(self, *events: Event) -> None:
        with self.database.write() as connection:
            apply_events(connection, events, NOW)

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def waits(self, policy: int = 3) -> list[int]:
        """Agreements whose figure would go into the next batch."""
        with self.database.read() as connection:
            return [one.agreement for one in waiting_figures(connection, policy) if useful(one)]

    def events(self) -> list[str]:
        return [event for event, _ in self.told]

    def forget_verdicts(self) -> None:
        with self.database.write() as connection:
            connection.execute(delete(verdicts))


def at(block: int = 20, hash_: bytes = OURS) -> Place:
    return Place(block, "0x" + "00" * 32, "0x" + hash_.hex(), 0)


def challenged(relayer: int = ME, starts_at: int = NOW) -> ChallengesChallenged:
    return ChallengesChallenged(at(), BATCH, 0, NUMBER, STRANGER, relayer, 20_000_000, starts_at)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A figure of 100 units with its quorum, in a batch that was settled while nobody minded."""
    database = market.open_market(tmp_path)
    ingest = Ingest(database, DOMAIN, CREDENTIALS)
    assert ingest.receipts(ndjson(receipt_json(NUMBER, 100)))[0].status == "accepted"
    said = ndjson(*(verdict_json(NUMBER, 100, verifier=one) for one in (5, 3)))
    assert {one.status for one in ingest.verdicts(said)} == {"accepted"}
    encoded = encode_figures([(NUMBER, 100)])
    with database.write() as connection:
        connection.execute(
            insert(batches).values(
                batch=str(BATCH), policy=3, operator=ME, nonce=0, value=200, deadline=9_999, figures=encoded,
                outputs=ROOT, root=batch_root(encoded, ROOT), figures_hash=figures_hash(encoded),
                state="posted", posted_at=NOW, created_at=NOW,
            )
        )  # fmt: skip
        leaf = {"batch": str(BATCH), "idx": 0, "agreement": NUMBER, "units": 100, "output_root": ROOT}
        connection.execute(insert(batch_leaves).values(leaf))
        connection.execute(update(figures).values(batched_units=100))
        connection.execute(
            insert(transactions).values(
                key=f"settle:{BATCH}:0", kind="settle", sender=b"", target=b"", data=b"", state="final",
                created_at=NOW,
            )
        )  # fmt: skip
        connection.execute(
            insert(attempts).values(
                transaction_id=1,
                nonce=0,
                hash=OURS,
                raw=b"",
                max_fee=0,
                priority_fee=0,
                block=1,
                created_at=NOW,
            )
        )
    yield Desk(database)
    database.close()


def test_answer__challenge_of_a_backed_leaf__shows_receipt_and_quorum_once(desk: Desk) -> None:
    desk.apply(challenged())
    desk.step()
    desk.step(5)
    ((batch, index, item),) = desk.contracts.shown
    assert (batch, index, item.receipt.units, item.receipt.output_root) == (BATCH, 0, 100, ROOT)
    assert [one.operator for one in item.verdicts] == [3, 5], "strictly rising, as the contract wants them"
    (asked,) = [row for row in desk.rows(transactions) if row["kind"] == "answer"]
    assert (asked["key"], asked["target"]) == (f"answer:{BATCH}:0:0", CHALLENGES)
    assert desk.events() == ["challenge_answer_asked"]


def test_answer__downtime_that_verdicts_alone_vouch_for__no_receipt_is_shown(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.execute(delete(receipts))
        changes = {"mode": 1, "unit_price": 1, "funded_until": 0}
        connection.execute(update(agreements).where(agreements.c.agreement == NUMBER).values(**changes))
    desk.apply(challenged())
    desk.step()
    ((_, _, item),) = desk.contracts.shown
    assert (item.device, item.receipt.units, item.receipt.output_root) == (b"", 100, ROOT)
    assert [one.operator for one in item.verdicts] == [3, 5]


def test_answer__challenge_that_waits_for_a_place__is_answered_at_once(desk: Desk) -> None:
    desk.apply(challenged(starts_at=0))
    desk.step()
    assert desk.events() == ["challenge_answer_asked"]
    desk.apply(ChallengesStarted(at(21), BATCH, 0, NOW + 5))
    assert desk.rows(challenges)[0]["starts_at"] == NOW + 5


@pytest.mark.parametrize(
    "end", [ChallengesAnswered(at(21), BATCH, 0, STRANGER, 5), ChallengesDismissed(at(21), BATCH, 0)]
)
def test_answer__challenge_that_is_over_or_of_anothers_leaf__is_left_alone(desk: Desk, end: Event) -> None:
    desk.apply(challenged(), end)
    desk.step()
    assert desk.contracts.shown == []


def test_answer__leaf_of_another_relayer__is_left_alone(desk: Desk) -> None:
    desk.apply(challenged(relayer=ME + 1))
    desk.step()
    assert (desk.contracts.shown, desk.told) == ([], [])


def test_answer__store_is_gone__tells_once_and_looks_again_until_it_is_back(desk: Desk) -> None:
    kept = desk.rows(verdicts)
    desk.forget_verdicts()
    desk.apply(challenged())
    for later in (0, 5, LOOK_AGAIN, LOOK_AGAIN + 5):
        desk.step(later)
    about = {"batch": str(BATCH), "index": 0, "agreement": NUMBER, "reason": "not_enough_verdicts"}
    assert desk.told == [("challenge_unanswerable", about)]
    with desk.database.write() as connection:
        connection.execute(insert(verdicts), kept)
    desk.step(2 * LOOK_AGAIN)
    assert desk.events()[-1] == "challenge_answer_asked"


def test_answer__contract_refuses_the_simulation__is_not_sent_and_tried_again(desk: Desk) -> None:
    desk.apply(challenged())
    desk.contracts.refusal = "Challenges_BadAnswer"
    for later in (0, 5, LOOK_AGAIN):
        desk.step(later)
    assert desk.events() == ["challenge_answer_refused"], "said once"
    desk.contracts.refusal = None
    desk.step(2 * LOOK_AGAIN)
    assert desk.events()[-1] == "challenge_answer_asked"


def test_answer__transaction_failed__another_one_follows(desk: Desk) -> None:
    desk.apply(challenged())
    desk.step()
    with desk.database.write() as connection:
        connection.execute(
            update(transactions).where(transactions.c.kind == "answer").values(state="reverted")
        )
    desk.step(1)
    desk.step(60)
    keys = [row["key"] for row in desk.rows(transactions) if row["kind"] == "answer"]
    assert keys == [f"answer:{BATCH}:0:0", f"answer:{BATCH}:0:1"]


def skip(reason: SkipReason) -> EscrowFigureSkipped:
    return EscrowFigureSkipped(at(), NUMBER, 100, reason)


def test_answered__batch_was_settled_without_the_leaf__is_settled_again(desk: Desk) -> None:
    desk.apply(challenged(), skip(SkipReason.VOID), ReceiptLedgerBatchSettled(at(), BATCH, 0))
    assert desk.rows(batches)[0]["state"] == "settled"
    assert desk.rows(dead_letters) == []
    desk.apply(ChallengesAnswered(at(30), BATCH, 0, STRANGER, 20_000_000))
    row = desk.rows(batches)[0]
    assert (row["state"], row["settle_tries"]) == ("posted", 1)
    assert desk.waits() == [], "the leaf that is there is paid, no second one is posted"


def test_answered__batch_not_settled_yet__goes_its_way(desk: Desk) -> None:
    desk.apply(challenged(), ChallengesAnswered(at(30), BATCH, 0, STRANGER, 20_000_000))
    row = desk.rows(batches)[0]
    assert (row["state"], row["settle_tries"]) == ("posted", 0)


def test_void__nothing_to_show__figure_is_set_aside_and_not_posted_again(desk: Desk) -> None:
    desk.forget_verdicts()
    desk.apply(challenged(), ChallengesVoided(at(40), BATCH, 0, 100, 20))
    desk.step()
    assert [(row["agreement"], row["reason"]) for row in desk.rows(dead_letters)] == [(NUMBER, "leaf_void")]
    assert desk.waits() == []
    assert desk.told == [("challenge_lost", {"batch": str(BATCH), "index": 0, "posted_again": False})]
    desk.step(5)
    assert len(desk.told) == 1


def test_void__for_want_of_time_alone__figure_is_posted_again(desk: Desk) -> None:
    desk.apply(challenged(), ChallengesVoided(at(40), BATCH, 0, 100, 20))
    desk.step()
    assert desk.waits() == [NUMBER], "also while the batch of the void leaf is not settled"
    assert desk.told == [("challenge_lost", {"batch": str(BATCH), "index": 0, "posted_again": True})]


@pytest.mark.parametrize("void", [False, True])
def test_cancelled__figures_wait_again_unless_their_leaf_went_void(desk: Desk, void: bool) -> None:
    ends = [challenged(), ChallengesVoided(at(40), BATCH, 0, 100, 20)] if void else []
    desk.apply(*ends, ReceiptLedgerBatchCancelled(at(41), BATCH, NOW))
    assert desk.waits() == ([] if void else [NUMBER])


def test_frozen__figure_waits_until_the_agreement_runs_on_and_is_posted_anew(desk: Desk) -> None:
    desk.apply(EscrowFrozen(at(), NUMBER), skip(SkipReason.FROZEN), ReceiptLedgerBatchSettled(at(), BATCH, 0))
    assert desk.rows(dead_letters) == []
    with desk.database.write() as connection:
        connection.execute(update(figures).values(units=120))
    assert desk.waits() == [], "nothing of it could be settled"
    desk.apply(EscrowUnfrozen(at(50), NUMBER))
    assert desk.waits() == [NUMBER]
    assert desk.rows(figures)[0]["batched_units"] == 0


def test_step__deployment_without_challenges__does_nothing(desk: Desk) -> None:
    desk.contracts.challenges = None
    desk.apply(challenged())
    desk.step()
    assert desk.contracts.shown == []
