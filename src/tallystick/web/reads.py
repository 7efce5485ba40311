"""What the read API tells, out of one moment of the database."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Integer, func, select

from tallystick.protocol import merkle
from tallystick.protocol.backing import Leaf
from tallystick.protocol.constants import OUTPUT_BYTES
from tallystick.protocol.enums import Mode, Status
from tallystick.protocol.figures import decode_figures, leaves
from tallystick.relayer.evidence import receipts_behind, verdicts_behind
from tallystick.relayer.leases import agreement_end
from tallystick.relayer.records import NO_RECEIPT
from tallystick.relayer.rewards import DIVIDENDS_CLAIMED, DIVIDENDS_RECEIVED, WAITING, fees_waiting
from tallystick.store.database import get_meta
from tallystick.store.tables import (
    agreements,
    batches,
    challenges,
    dead_letters,
    figures,
    meta,
    receipts,
    rewards,
    statements,
    transactions,
    verdicts,
)
from tallystick.web import schemas

_PROVIDERS = 20


def status(connection: Connection, ready: bool) -> schemas.Status:
    """The service at a glance. Receipts and verdicts are counted by their serial numbers: none is deleted."""
    accepted = _number(connection, func.max(receipts.c.seq))
    return schemas.Status(
        ready=ready,
        chain=_chain(connection),
        receipts=accepted,
        verdicts=_number(connection, func.max(verdicts.c.seq)),
        agreements=_agreement_totals(connection),
        figures=_figure_totals(connection),
        batches=_counts(connection, batches.c.state),
        credentials=_counts(connection, statements.c.state),
        gas=_gas(connection, accepted),
        rewards=_reward_totals(connection),
        dividends=schemas.DividendTotals(
            received=int(get_meta(connection, DIVIDENDS_RECEIVED) or 0),
            claimed=int(get_meta(connection, DIVIDENDS_CLAIMED) or 0),
        ),
        dead_letters=_number(connection, func.count(dead_letters.c.id)),
        providers=_providers(connection),
    )


def agreement(connection: Connection, number: int) -> schemas.AgreementRecord | None:
    """One agreement with its newest receipt and figure, or None when it is unknown."""
    if number >= 2**63:
        return None
    row = connection.execute(select(agreements).where(agreements.c.agreement == number)).mappings().first()
    if row is None:
        return None
    return schemas.AgreementRecord(
        agreement=str(number),
        customer=row["customer"],
        funder=row["funder"],
        operator=row["operator"],
        payee=row["payee"],
        mode=Mode(row["mode"]).name.lower(),
        policy=row["policy"],
        unit_price=row["unit_price"],
        budget=row["budget"],
        fee_provider=row["fee_provider"],
        fee_customer=row["fee_customer"],
        start=row["start"],
        end=agreement_end(row["expiry"], row["stop_at"], row["funded_until"]),
        downtime=row["downtime"],
        status=Status(row["status"]).name.lower(),
        paid=row["paid"],
        newest_receipt=_newest_receipt(connection, number),
        figure=_figure(connection, number),
    )


def batch_page(connection: Connection, state: str | None, limit: int, offset: int) -> schemas.Batches:
    """`limit` batches from `offset` on, the newest first."""
    small = (column for column in batches.c if column.name not in ("figures", "outputs"))  # these are long
    leaves = (func.length(batches.c.outputs) / 32).cast(Integer).label("leaves")
    query = select(*small, leaves).order_by(
        batches.c.created_at.desc(), batches.c.policy, batches.c.nonce.desc()
    )
    if state is not None:
        query = query.where(batches.c.state == state)
    rows = connection.execute(query.limit(limit + 1).offset(offset)).mappings().all()
    records = [
        schemas.BatchRecord(
            batch=row["batch"],
            policy=row["policy"],
            operator=row["operator"],
            nonce=row["nonce"],
            state=row["state"],
            criterion=row["criterion"],
            leaves=row["leaves"],
            value=row["value"],
            moved=row["moved"],
            root=_hex(row["root"]),
            deadline=row["deadline"],
            posted_at=row["posted_at"],
            created_at=row["created_at"],
            problem=row["problem"],
        )
        for row in rows[:limit]
    ]
    return schemas.Batches(batches=records, next_offset=offset + limit if len(rows) > limit else None)


def leaf(connection: Connection, batch: str, index: int) -> schemas.LeafRecord | None:
    """One leaf of a batch with the receipts and verdicts behind it, or None when there is none such."""
    of = batches.c
    wanted = select(of.figures, of.outputs, of.root, of.state, of.posted_at).where(of.batch == batch)
    row = connection.execute(wanted).first()
    if row is None or index >= len(row.outputs) // OUTPUT_BYTES:
        return None
    agreement, units = decode_figures(row.figures)[index]
    output = row.outputs[OUTPUT_BYTES * index : OUTPUT_BYTES * (index + 1)]
    place = Leaf(int(batch), index, agreement, units, output, row.posted_at or 0)
    challenged = select(challenges.c.state).where(challenges.c.batch == batch, challenges.c.idx == index)
    return schemas.LeafRecord(
        batch=batch,
        index=index,
        agreement=str(agreement),
        units=str(units),
        output_root=_hex(output),
        root=_hex(row.root),
        proof=[_hex(sibling) for sibling in merkle.proof(leaves(row.figures, row.outputs), index)],
        state=row.state,
        challenge=connection.execute(challenged).scalar_one_or_none(),
        receipts=[
            schemas.SignedReceiptRecord(
                agreement=str(receipt.agreement),
                units=str(receipt.units),
                period_start=receipt.period_start,
                period_end=receipt.period_end,
                output_root=_hex(receipt.output_root),
                exclusive=receipt.exclusive,
                signature=_hex(signature),
            )
            for receipt, signature in receipts_behind(connection, place)
        ],
        verdicts=[
            schemas.SignedVerdictRecord(
                agreement=str(one.verdict.agreement),
                units=str(one.verdict.units),
                output_root=_hex(one.verdict.output_root),
                valid=one.verdict.valid,
                verifier_version=one.verdict.verifier_version,
                confidence=one.verdict.confidence,
                signature=_hex(one.signature),
                verifier=one.operator,
            )
            for one in verdicts_behind(connection, agreement, units, output)
        ],
    )


def credential(connection: Connection, hash_: bytes) -> schemas.CredentialRecord | None:
    """One credential or revocation by its struct hash, or None when none such was accepted."""
    query = (
        select(statements, transactions.c.receipt)
        .outerjoin_from(statements, transactions, transactions.c.key == statements.c.call_key)
        .where(statements.c.hash == hash_)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    revocation = row["revocation"]
    return schemas.CredentialRecord(
        id=_hex(row["hash"]),
        type="revocation" if revocation else "credential",
        issuer=_hex(row["issuer"]),
        kind=row["kind"],
        subject=_hex(row["subject"]),
        binding=_hex(row["binding"]),
        value=None if revocation else _hex(row["value"]),
        expires_at=None if revocation else row["expires_at"],
        nonce=str(row["nonce"]),
        state=row["state"],
        reason=row["reason"] or None,
        received_at=row["received_at"],
        transaction=row["receipt"]["hash"] if row["receipt"] else None,
    )


def rewards_of(connection: Connection, account: int) -> schemas.RewardsRecord:
    """The fees of an account; zeros when its work has brought none."""
    query = (
        select(rewards, WAITING.label("waiting"), transactions.c.receipt)
        .outerjoin_from(rewards, transactions, transactions.c.key == rewards.c.asked_key)
        .where(rewards.c.account == account)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return schemas.RewardsRecord(
            account=account,
            fees=0,
            overturned=0,
            counted=0,
            waiting=0,
            waiting_since=None,
            forfeiting=0,
            transaction=None,
        )
    return schemas.RewardsRecord(
        account=account,
        fees=row["fees"],
        overturned=row["overturned"],
        counted=row["counted"],
        waiting=row["waiting"],
        waiting_since=row["waiting_since"] or None,
        forfeiting=row["forfeiting"],
        transaction=row["receipt"]["hash"] if row["receipt"] else None,
    )


def _newest_receipt(connection: Connection, number: int) -> schemas.ReceiptRecord | None:
    query = select(receipts).where(receipts.c.agreement == number).order_by(receipts.c.units.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return schemas.ReceiptRecord(
        id=_hex(row["hash"]),
        units=row["units"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        output_root=_hex(row["output_root"]),
        exclusive=row["exclusive"],
        signer=_hex(row["signer"]),
        received_at=row["received_at"],
    )


def _figure(connection: Connection, number: int) -> schemas.FigureRecord | None:
    row = connection.execute(select(figures).where(figures.c.agreement == number)).mappings().first()
    if row is None:
        return None
    return schemas.FigureRecord(
        units=row["units"],
        output_root=_hex(row["output_root"]),
        receipt_id=_hex(row["receipt_hash"]) if row["receipt_hash"] != NO_RECEIPT else None,
        ready_at=row["ready_at"],
        batched_units=row["batched_units"],
        waiting=row["units"] > row["batched_units"],
    )


def _chain(connection: Connection) -> schemas.ChainStatus:
    wanted = ("chain_id", "chain_time", "followed_block")
    rows = connection.execute(select(meta.c.key, meta.c.value).where(meta.c.key.in_(wanted))).all()
    known = {row.key: int(row.value) for row in rows}
    return schemas.ChainStatus(
        chain_id=known.get("chain_id"),
        time=known.get("chain_time", 0),
        followed_block=known.get("followed_block"),
    )


def _agreement_totals(connection: Connection) -> schemas.AgreementTotals:
    query = select(
        agreements.c.status, func.count(), func.sum(agreements.c.budget), func.sum(agreements.c.paid)
    ).group_by(agreements.c.status)
    rows = {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in connection.execute(query)}
    opened, closed = rows.get(Status.OPEN, (0, 0, 0)), rows.get(Status.CLOSED, (0, 0, 0))
    return schemas.AgreementTotals(
        open=opened[0], closed=closed[0], budget=opened[1], paid=opened[2] + closed[2]
    )


def _figure_totals(connection: Connection) -> schemas.FigureTotals:
    query = select(func.count(), func.min(figures.c.ready_at)).where(
        figures.c.units > figures.c.batched_units
    )
    count, oldest = connection.execute(query).one()
    return schemas.FigureTotals(waiting=count, oldest_ready_at=oldest)


def _counts(connection: Connection, state: ColumnElement[str]) -> dict[str, int]:
    query = select(state, func.count()).group_by(state).order_by(state)
    return {row[0]: row[1] for row in connection.execute(query)}


def _gas(connection: Connection, accepted: int) -> schemas.GasTotals:
    used = func.sum(transactions.c.receipt["gasUsed"].as_integer())
    query = select(transactions.c.kind, used).where(transactions.c.state.in_(("mined", "final", "reverted")))
    rows: dict[str, int] = {
        row[0]: int(row[1] or 0) for row in connection.execute(query.group_by(transactions.c.kind))
    }
    post, settle = rows.pop("post", 0), rows.pop("settle", 0)
    each = round((post + settle) / accepted, 1) if accepted else None
    return schemas.GasTotals(post=post, settle=settle, other=sum(rows.values()), per_receipt=each)


def _reward_totals(connection: Connection) -> schemas.RewardTotals:
    waiting = fees_waiting(connection)
    return schemas.RewardTotals(
        fees=_number(connection, func.sum(rewards.c.fees)),
        counted=_number(connection, func.sum(rewards.c.counted)),
        waiting=waiting.fees,
        accounts=waiting.accounts,
    )


def _providers(connection: Connection) -> list[schemas.ProviderTotals]:
    paid = func.sum(agreements.c.paid)
    query = (
        select(agreements.c.operator, func.count(), paid)
        .group_by(agreements.c.operator)
        .order_by(paid.desc(), agreements.c.operator)
        .limit(_PROVIDERS)
    )
    return [
        schemas.ProviderTotals(operator=row[0], agreements=row[1], paid=int(row[2]))
        for row in connection.execute(query)
    ]


def _number(connection: Connection, what: ColumnElement[int]) -> int:
    return connection.execute(select(what)).scalar_one_or_none() or 0


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
