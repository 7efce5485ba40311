"""Credentials and revocations that are taken in and posted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credential_nonces",
        sa.Column("record", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_credential_nonces")),
    )
    op.create_table(
        "statements",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("revocation", sa.Boolean(), nullable=False),
        sa.Column("record", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issuer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=20), nullable=False),
        sa.Column("binding", sa.LargeBinary(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=65), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("call_key", sa.Text(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'posting', 'posted', 'refused')", name=op.f("ck_statements_known_state")
        ),
        sa.CheckConstraint(
            "state <> 'posting' OR (call_key IS NOT NULL AND place IS NOT NULL)",
            name=op.f("ck_statements_posting_names_its_call"),
        ),
        sa.CheckConstraint(
            "(state = 'refused') = (reason <> '')", name=op.f("ck_statements_refused_says_why")
        ),
        sa.CheckConstraint("nonce > 0", name=op.f("ck_statements_nonce_above_zero")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_statements")),
        sa.UniqueConstraint("hash", name=op.f("uq_statements_hash")),
    )
    op.create_index("ix_statements_record_nonce", "statements", ["record", "nonce"], unique=False)
    op.create_index("ix_statements_state", "statements", ["state"], unique=False)
