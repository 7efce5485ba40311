"""What the events of leases, pauses, cancelled batches and credentials change in the mirror."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from tallystick.chain.event_types import (
    CredentialsCredentialPosted,
    CredentialsCredentialRevoked,
    EscrowBegun,
    EscrowCloseRequested,
    EscrowDowntimeSet,
    EscrowFeesOverturned,
    EscrowFigureSkipped,
    EscrowOpened,
    EscrowOpeningPaused,
    EscrowOpeningResumed,
    EscrowReleaseFinalised,
    EscrowReplaced,
    EscrowSettled,
    EscrowSettledByRelease,
    EscrowToppedUp,
    Event,
    Place,
    PolicyBookPolicyAdded,
    ReceiptLedgerBatchCancelled,
    ReceiptLedgerBatchSettled,
    ReceiptLedgerPostingPaused,
    ReceiptLedgerPostingResumed,
)
from tallystick.chain.token_events import (
    DividendVaultClaimed,
    DividendVaultFeesReceived,
    SupplierRewardsCheckpointed,
    SupplierRewardsForfeited,
)
from tallystick.protocol.accounting.policies import Policy
from tallystick.protocol.eip712 import Terms
from tallystick.protocol.enums import CloseReason, CredentialKind, Mode, SkipReason, VerificationKind
from tallystick.relayer.apply import OPENING_PAUSED, POSTING_PAUSED, apply_events
from tallystick.relayer.mirror import Mirror
from tallystick.relayer.rewards import DIVIDENDS_CLAIMED, DIVIDENDS_RECEIVED
from tallystick.store.database import Database, get_meta
from tallystick.store.tables import attempts, batch_leaves, batches, figures, metadata, policies, transactions

METERED, LEASE = 7 << 32 | 5, 8 << 32 | 6
OURS = b"\x0a" * 32
ISSUER, DEVICE, MEASUREMENT = b"\x0c" * 20, b"\x0d" * 20, b"\x0e" * 32


def at(block: int, index: int = 0) -> Place:
    return Place(block, "0x" + "00" * 32, "0x" + OURS.hex(), index)


def opened(number: int, mode: Mode, **changes: Any) -> EscrowOpened:
    """Budget 1 000 000 µ at 600 000 µ per 1e6: 1 666 666 units or seconds, from second 60 to 9 000 000."""
    terms = Terms(1, 2, 3, 4, mode, 1, 500, 100, 600_000, 10**6, 10**9, 50, 9_000_000, bytes(32), 0, 0, 99)
    return EscrowOpened(at(1), number, 500 << 16 | 100, 60, terms._replace(**changes))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "relayer.sqlite3")
    apply(database, opened(METERED, Mode.METERED), opened(LEASE, Mode.LEASE))
    yield database
    database.close()


def apply(database: Database, *events: Event, now: int = 1_000) -> None:
    with database.write() as connection:
        apply_events(connection, events, now)


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(metadata.tables[table])).mappings()]


def agreement(database: Database, number: int) -> dict[str, Any]:
    return next(row for row in rows(database, "agreements") if row["agreement"] == number)


def end(database: Database, number: int) -> int:
    with database.write() as connection:
        mirror = Mirror()
        mirror.refresh(connection)
        return mirror.agreements(connection, [number])[number].end


def add_figure(database: Database, number: int, units: int, batched: int) -> None:
    with database.write() as connection:
        connection.execute(
            insert(figures).values(
                agreement=number,
                units=units,
                output_root=bytes(32),
                receipt_hash=bytes(32),
                ready_at=5,
                batched_units=batched,
            )
        )


def figure(database: Database, number: int) -> tuple[int, int, int]:
    row = next(row for row in rows(database, "figures") if row["agreement"] == number)
    return row["units"], row["batched_units"], row["ready_at"]


def add_batch(database: Database, number: int, state: str, leaves: dict[int, int]) -> None:
    with database.write() as connection:
        connection.execute(
            insert(batches).values(
                batch=str(number), policy=1, operator=1, nonce=number, value=6, deadline=9, figures=b"",
                outputs=b"", root=bytes(32), figures_hash=bytes(32), state=state, created_at=5,
            )
        )  # fmt: skip
        for place, (agreement_, units) in enumerate(leaves.items()):
            connection.execute(
                insert(batch_leaves).values(
                    batch=str(number), idx=place, agreement=agreement_, units=units, output_root=bytes(32)
                )
            )


def add_transaction(database: Database, kind: str) -> None:
    """The transaction OURS, of that kind."""
    with database.write() as connection:
        connection.execute(
            insert(transactions).values(
                id=1, key=f"{kind}:1", kind=kind, sender=DEVICE, target=DEVICE, data=b"", state="mined", nonce=0,
                created_at=5,
            )
        )  # fmt: skip
        connection.execute(
            insert(attempts).values(
                transaction_id=1,
                nonce=0,
                hash=OURS,
                raw=b"",
                max_fee=1,
                priority_fee=1,
                block=1,
                created_at=5,
            )
        )


# -- leases ----------------------------------------------------------------------------------------------------------


def test_opened__lease__ends_when_its_money_does(database: Database) -> None:
    assert agreement(database, LEASE)["funded_until"] == 60 + 1_666_666
    assert end(database, LEASE) == 1_666_726
    assert agreement(database, METERED)["funded_until"] == 0
    assert end(database, METERED) == 9_000_000


def test_opened__lease_with_more_money_than_term__ends_at_its_expiry(database: Database) -> None:
    apply(database, opened(LEASE + 1, Mode.LEASE, budget=10**9))
    assert end(database, LEASE + 1) == 9_000_000


def test_topped_up__lease__lasts_longer(database: Database) -> None:
    apply(database, EscrowToppedUp(at(2), LEASE, 3 * 10**6))
    row = agreement(database, LEASE)
    assert (row["budget"], row["funded_until"]) == (3_000_000, 60 + 5_000_000)
    assert end(database, LEASE) == 5_000_060


def test_close_requested__lease__stops_before_its_money_does(database: Database) -> None:
    apply(database, EscrowCloseRequested(at(2), LEASE, 4_000, CloseReason.CLOSED_BY_PROVIDER))
    assert end(database, LEASE) == 4_000


def test_begun__lease_in_a_tee__its_clock_starts_then(database: Database) -> None:
    apply(database, EscrowBegun(at(2), LEASE, DEVICE, 500_000))
    assert agreement(database, LEASE)["start"] == 500_000
    assert end(database, LEASE) == 500_000 + 1_666_666


def test_downtime_set__counts(database: Database) -> None:
    apply(database, EscrowDowntimeSet(at(2), LEASE, 77))
    assert agreement(database, LEASE)["downtime"] == 77


def test_settled_by_release__paid_rises(database: Database) -> None:
    apply(database, EscrowSettledByRelease(at(2), METERED, 123))
    assert agreement(database, METERED)["paid"] == 123


def test_replaced__the_old_one_is_closed_and_the_new_one_is_not(database: Database) -> None:
    apply(database, EscrowReplaced(at(2), METERED, LEASE, 5))
    assert (agreement(database, METERED)["status"], agreement(database, LEASE)["status"]) == (2, 1)


# -- budgets and caps ------------------------------------------------------------------------------------------------


def test_topped_up__figure_above_the_old_budget__waits_for_the_rest(database: Database) -> None:
    add_figure(database, METERED, 1_700_000, 1_700_000)  # 1 020 000 µ of a budget of 1 000 000
    apply(database, EscrowToppedUp(at(2), METERED, 1_100_000), now=444)
    assert figure(database, METERED) == (1_700_000, 0, 444)


def test_topped_up__figure_that_was_within__is_left_alone(database: Database) -> None:
    add_figure(database, METERED, 1_666_667, 1_666_667)  # floor(1 000 000.2) is the budget exactly
    apply(database, EscrowToppedUp(at(2), METERED, 1_100_000), now=444)
    assert figure(database, METERED) == (1_666_667, 1_666_667, 5)
    assert agreement(database, METERED)["budget"] == 1_100_000


def test_topped_up__agreement_that_is_unknown__is_no_error(database: Database) -> None:
    apply(database, EscrowToppedUp(at(2), 99, 5))
    assert len(rows(database, "agreements")) == 2


def test_skipped_above_the_batch_cap__waits_again(database: Database) -> None:
    add_figure(database, METERED, 10, 10)
    add_transaction(database, "settle")
    apply(database, EscrowFigureSkipped(at(9), METERED, 10, SkipReason.ABOVE_BATCH_CAP), now=444)
    assert figure(database, METERED) == (10, 0, 444)
    assert rows(database, "dead_letters") == []


def test_skipped_in_our_poke__is_no_figure_of_a_batch(database: Database) -> None:
    add_transaction(database, "poke")
    apply(database, EscrowFigureSkipped(at(9), LEASE, 0, SkipReason.HELD))
    assert rows(database, "dead_letters") == []


def test_policy_added__caps_windows_and_issuer__are_kept(database: Database) -> None:
    terms = Policy(
        VerificationKind.TEE, 0, 9, gross_cap=2**63 + 5, report_time=70, silence=80,
        issuer="0x" + ISSUER.hex(), measurement=MEASUREMENT,
    )  # fmt: skip
    apply(database, PolicyBookPolicyAdded(at(2), 1, terms))
    (row,) = rows(database, "policies")
    assert (row["gross_cap"], row["report_time"], row["silence"]) == (2**63 - 1, 70, 80)
    assert (row["issuer"], row["measurement"]) == (ISSUER, MEASUREMENT)


# -- cancelled batches, pauses ---------------------------------------------------------------------------------------


def test_batch_cancelled__its_figures_wait_again_but_not_those_that_another_batch_has(
    database: Database,
) -> None:
    add_figure(database, METERED, 30, 30)
    add_figure(database, LEASE, 20, 20)
    add_batch(database, 76, "settled", {METERED: 10})
    add_batch(database, 77, "posted", {METERED: 30, LEASE: 15})
    add_batch(database, 78, "posted", {LEASE: 20})
    apply(database, ReceiptLedgerBatchCancelled(at(5), 77, 900), now=444)
    assert {row["batch"]: row["state"] for row in rows(database, "batches")} == {
        "76": "settled",
        "77": "cancelled",
        "78": "posted",
    }
    assert figure(database, METERED) == (30, 10, 444)
    assert figure(database, LEASE)[:2] == (20, 20)


def test_batch_cancelled__twice_or_a_strangers__changes_nothing_more(database: Database) -> None:
    add_figure(database, METERED, 30, 30)
    add_batch(database, 77, "posted", {METERED: 30})
    apply(
        database,
        ReceiptLedgerBatchCancelled(at(5), 77, 900),
        ReceiptLedgerBatchCancelled(at(5), 99, 900),
        now=444,
    )
    with database.write() as connection:
        connection.execute(figures.update().values(batched_units=30))
    apply(
        database,
        ReceiptLedgerBatchCancelled(at(6), 77, 900),
        ReceiptLedgerBatchSettled(at(7), 77, 5),
        now=555,
    )
    assert figure(database, METERED) == (30, 30, 444)
    (row,) = rows(database, "batches")
    assert (row["state"], row["moved"]) == ("cancelled", 0)


def test_paused_and_resumed__meta_says_until_when(database: Database) -> None:
    apply(database, EscrowOpeningPaused(at(2), 5_000), ReceiptLedgerPostingPaused(at(2, 1), 6_000))
    with database.read() as connection:
        assert [get_meta(connection, key) for key in (OPENING_PAUSED, POSTING_PAUSED)] == ["5000", "6000"]
    apply(database, EscrowOpeningResumed(at(3)), ReceiptLedgerPostingResumed(at(3, 1)))
    with database.read() as connection:
        assert [get_meta(connection, key) for key in (OPENING_PAUSED, POSTING_PAUSED)] == ["0", "0"]


# -- credentials -----------------------------------------------------------------------------------------------------


def posted(block: int, **changes: Any) -> CredentialsCredentialPosted:
    fields: dict[str, Any] = {
        "issuer": ISSUER, "subject": DEVICE, "kind": CredentialKind.TEE, "binding": LEASE.to_bytes(32, "big"),
        "value": MEASUREMENT, "valid_from": 100, "expires_at": 200, "nonce": block,
    }  # fmt: skip
    return CredentialsCredentialPosted(at(block), **{**fields, **changes})


def attested(database: Database, now: int, measurement: bytes = bytes(32)) -> bool:
    with database.write() as connection:
        connection.execute(policies.delete())
        apply_events(
            connection,
            [
                PolicyBookPolicyAdded(
                    at(1),
                    1,
                    Policy(VerificationKind.TEE, 0, 9, issuer="0x" + ISSUER.hex(), measurement=measurement),
                )
            ],
            now,
        )
        mirror = Mirror()
        mirror.refresh(connection)
        rule = mirror.policy(connection, 1)
        assert rule is not None
        return (LEASE, DEVICE) in mirror.attested(connection, rule, [LEASE, METERED], now)


def test_credential__is_good_from_its_first_second_and_not_at_its_last(database: Database) -> None:
    apply(database, posted(2))
    assert [attested(database, now) for now in (99, 100, 199, 200)] == [False, True, True, False]


def test_credential__revoked_and_issued_anew__counts_again(database: Database) -> None:
    binding = LEASE.to_bytes(32, "big")
    apply(
        database,
        posted(2),
        CredentialsCredentialRevoked(at(3), ISSUER, DEVICE, CredentialKind.TEE, binding, 150, 3),
    )
    assert [attested(database, now) for now in (149, 150)] == [True, False]
    apply(database, posted(4, valid_from=160))
    assert attested(database, 170)


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": b"\x11" * 20},
        {"subject": b"\x11" * 20},
        {"kind": CredentialKind.AUDIT},
        {"binding": METERED.to_bytes(32, "big")},
        {"binding": b"\xff" * 32},
    ],
)
def test_credential__of_another_issuer_device_kind_or_agreement__does_not_count(
    database: Database, changes: dict[str, Any]
) -> None:
    apply(database, posted(2, **changes))
    assert not attested(database, 150)


def test_credential__policy_names_a_measurement__only_that_counts(database: Database) -> None:
    apply(database, posted(2))
    assert attested(database, 150, MEASUREMENT)
    assert not attested(database, 150, b"\x0f" * 32)


# -- fees that count for rewards -------------------------------------------------------------------------------------

PAYEE = 4


def sums(database: Database, account: int = PAYEE) -> tuple[int, ...] | None:
    """µ of fees, overturned and counted, and the second since which they wait."""
    for row in rows(database, "rewards"):
        if row["account"] == account:
            return row["fees"], row["overturned"], row["counted"], row["waiting_since"]
    return None


def test_settled__fees_of_both_sides__are_the_payees_as_differences_of_floors(database: Database) -> None:
    # 5 % and 1 %, each floored of what is paid in all: 0; 1 + 0; then 4 999 and 999 in all
    apply(database, EscrowSettled(at(2), METERED, 19))
    assert sums(database) is None
    apply(database, EscrowSettled(at(3), METERED, 20), now=70)
    assert sums(database) == (1, 0, 0, 70)
    apply(database, EscrowSettled(at(4), METERED, 99_999), now=80)
    assert sums(database) == (5_998, 0, 0, 70)
    apply(database, EscrowSettled(at(5), LEASE, 1_000), EscrowSettled(at(5, 1), 99 << 32, 10**6))
    assert sums(database) == (5_998 + 60, 0, 0, 70)
    assert [row["account"] for row in rows(database, "rewards")] == [PAYEE]


def test_released__its_fees_wait_for_its_good_end__and_later_steps_begin_after_it(database: Database) -> None:
    apply(database, EscrowSettledByRelease(at(2), METERED, 50_010))
    assert sums(database) is None
    apply(database, EscrowSettled(at(3), METERED, 60_000))
    # floor(60 000 / 20) - floor(50 010 / 20) + 600 - 500
    assert sums(database) == (3_000 - 2_500 + 600 - 500, 0, 0, 1_000)
    apply(database, EscrowReleaseFinalised(at(4), METERED, 3_000, True))
    assert sums(database) == (3_600, 0, 0, 1_000)
    apply(database, EscrowReleaseFinalised(at(5), METERED, 77, False))
    assert sums(database) == (3_600, 0, 0, 1_000)


def test_checkpointed_overturned_forfeited__follow_the_chain_whoever_asked(database: Database) -> None:
    apply(database, EscrowSettled(at(2), METERED, 100_000), now=70)
    apply(database, SupplierRewardsCheckpointed(at(3), PAYEE, 20_000, 6_000, 10**20), now=80)
    assert sums(database) == (6_000, 0, 6_000, 0)
    apply(database, EscrowFeesOverturned(at(4), METERED, PAYEE, 2_500), now=90)
    assert sums(database) == (6_000, 2_500, 6_000, 0)
    apply(database, SupplierRewardsForfeited(at(5), PAYEE, 2_500, 10**19), now=95)
    assert sums(database) == (6_000, 2_500, 3_500, 0)
    apply(database, EscrowSettled(at(6), METERED, 100_100), now=99)
    assert sums(database) == (6_006, 2_500, 3_500, 99)


def test_dividends__received_and_claimed__are_summed(database: Database) -> None:
    apply(database, DividendVaultFeesReceived(at(2), 5, 700), DividendVaultFeesReceived(at(3), 6, 33))
    apply(database, DividendVaultClaimed(at(4), b"\x01" * 20, b"\x02" * 20, 41))
    with database.read() as connection:
        found = [get_meta(connection, key) for key in (DIVIDENDS_RECEIVED, DIVIDENDS_CLAIMED)]
    assert found == ["733", "41"]
