"""Leases, caps of one agreement in one batch, TEE credentials, cancelled batches."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = "state IN ('planned', 'posted', 'settling', 'settled', 'lost', 'cancelled')"


def upgrade() -> None:
    for name in ("gross_cap", "report_time", "silence"):
        op.add_column("policies", _number(name))
    for name, length in (("issuer", 20), ("measurement", 32)):
        kind = sa.LargeBinary(length=length)
        op.add_column("policies", sa.Column(name, kind, server_default=sa.text("x''"), nullable=False))
    for name in ("funded_until", "downtime"):
        op.add_column("agreements", _number(name))
    op.create_table(
        "credentials",
        sa.Column("issuer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("device", sa.LargeBinary(length=20), nullable=False),
        sa.Column("agreement", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("measurement", sa.LargeBinary(length=32), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _number("revoked_at"),
        sa.PrimaryKeyConstraint("issuer", "device", "agreement", name=op.f("pk_credentials")),
    )
    op.create_table(
        "lease_pokes",
        sa.Column("agreement", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_lease_pokes")),
    )
    _widen_states()


def _widen_states() -> None:
    """SQLite changes a check by making the table anew, which its leaves, that refer to it, must outlive."""
    op.execute("CREATE TABLE kept_leaves AS SELECT * FROM batch_leaves")
    op.drop_table("batch_leaves")
    with op.batch_alter_table("batches") as batches:
        batches.drop_constraint(op.f("ck_batches_known_state"), type_="check")
        batches.create_check_constraint(op.f("ck_batches_known_state"), _STATES)
    op.create_table(
        "batch_leaves",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("output_root", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.batch"], name=op.f("fk_batch_leaves_batch")),
        sa.PrimaryKeyConstraint("batch", "idx", name=op.f("pk_batch_leaves")),
    )
    op.create_index("ix_batch_leaves_agreement_units", "batch_leaves", ["agreement", "units"], unique=False)
    op.execute("INSERT INTO batch_leaves SELECT batch, idx, agreement, units, output_root FROM kept_leaves")
    op.drop_table("kept_leaves")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
