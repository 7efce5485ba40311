"""What the store has behind a posted leaf: signed receipts and verdicts, and whether they would do as an answer."""

from __future__ import annotations

from sqlalchemy import Connection, select

from tallystick.protocol.backing import AgreementFacts, Item, KeyLife, Knowledge, Leaf, Signed, find_backing
from tallystick.protocol.eip712 import Domain, Receipt, Verdict
from tallystick.protocol.enums import KeyKind, ReceiptFault
from tallystick.relayer.mirror import Keys, Mirror
from tallystick.store.tables import batch_leaves, batches, receipts, verdicts

__all__ = ["backing_of", "leaf_at", "receipts_behind", "verdicts_behind"]


def leaf_at(connection: Connection, batch: str, index: int) -> Leaf | None:
    """A leaf of a posted batch; None when this database does not know it."""
    leaf, of = batch_leaves.c, batches.c
    wanted = (
        select(leaf.agreement, leaf.units, leaf.output_root, of.posted_at)
        .join_from(batch_leaves, batches)
        .where(leaf.batch == batch, leaf.idx == index, of.posted_at.is_not(None))
    )
    row = connection.execute(wanted).first()
    return None if row is None else Leaf(int(batch), index, *row)


def receipts_behind(connection: Connection, leaf: Leaf) -> list[tuple[Receipt, bytes]]:
    """Stored receipts of the leaf's output for as many units or more, with their signatures, newest first."""
    r = receipts.c
    wanted = (
        select(*(r.agreement, r.units, r.period_start, r.period_end, r.output_root, r.exclusive, r.signature))
        .where(r.agreement == leaf.agreement, r.units >= leaf.units, r.output_root == leaf.output_root)
        .order_by(r.units.desc())
    )
    return [(Receipt(*row[:-1]), row[-1]) for row in connection.execute(wanted)]


def verdicts_behind(
    connection: Connection, agreement: int, units: int, output_root: bytes, *, valid: bool = True
) -> list[Signed]:
    """Stored verdicts on this output: valid ones for as many units or more; invalid ones that say just so many."""
    v = verdicts.c
    wanted = select(
        *(v.operator, v.agreement, v.units, v.output_root, v.valid, v.verifier_version, v.confidence),
        v.signature,
    ).where(
        v.agreement == agreement,
        v.units >= units if valid else v.units == units,
        v.output_root == output_root,
        v.valid.is_(valid),
    )
    return [
        Signed(row[0], Verdict(*row[1:-1]), row[-1]) for row in connection.execute(wanted.order_by(v.seq))
    ]


def backing_of(
    connection: Connection, mirror: Mirror, domain: Domain, leaf: Leaf, now: int
) -> tuple[ReceiptFault, Item | None]:
    """What there is to show for a leaf at `now`, as (NONE, item); otherwise what is missing, see `find_backing`."""
    row = mirror.agreements(connection, [leaf.agreement]).get(leaf.agreement)
    rule = None if row is None else mirror.policy(connection, row.policy)
    if row is None or rule is None:
        return ReceiptFault.UNKNOWN_AGREEMENT, None
    keys: dict[tuple[int, bytes], KeyLife] = {}
    for operator in rule.verifiers:
        lives = _lives(mirror.keys(connection, (operator,), KeyKind.VERIFIER))
        keys |= {(operator, key): life for key, life in lives.items()}
    known = Knowledge(
        devices=_lives(mirror.keys(connection, (row.operator,), KeyKind.DEVICE)),
        verifiers=keys,
        attested=frozenset(
            device for _, device in mirror.attested(connection, rule, [leaf.agreement], leaf.posted_at)
        ),
    )
    facts = AgreementFacts(row.agreement, row.operator, row.policy, row.lease, row.open, row.start, row.end)
    shown = verdicts_behind(connection, leaf.agreement, leaf.units, leaf.output_root)
    return find_backing(leaf, receipts_behind(connection, leaf), shown, facts, rule, known, domain, now)


def _lives(keys: Keys) -> dict[bytes, KeyLife]:
    return {key: KeyLife(row.valid_from, row.revoked_at) for key, row in keys.items()}
