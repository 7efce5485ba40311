"""Challenges and what verifiers reject; policies with dispute terms."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("policies") as policies:
        policies.drop_column("dispute_time")
    op.add_column("policies", _number("verifier_version"))
    op.add_column(
        "policies", sa.Column("min_confidence", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "agreements", sa.Column("frozen", sa.Boolean(), server_default=sa.text("0"), nullable=False)
    )
    op.create_table(
        "challenges",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agreement", sa.BigInteger(), nullable=False),
        sa.Column("relayer", sa.BigInteger(), nullable=False),
        sa.Column("challenger", sa.LargeBinary(length=20), nullable=False),
        sa.Column("bond", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _number("retry_at"),
        sa.Column("problem", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("seen_to", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'answered', 'void', 'dismissed')", name=op.f("ck_challenges_known_state")
        ),
        sa.PrimaryKeyConstraint("batch", "idx", name=op.f("pk_challenges")),
    )
    op.create_index("ix_challenges_state", "challenges", ["state"], unique=False)
    op.create_table(
        "rejections",
        sa.Column("agreement", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("output_root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("dispute", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _number("retry_at"),
        sa.Column("problem", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'proposing', 'proposed', 'over')", name=op.f("ck_rejections_known_state")
        ),
        sa.PrimaryKeyConstraint("agreement", "valid_units", "output_root", name=op.f("pk_rejections")),
    )
    op.create_index("ix_rejections_state", "rejections", ["state"], unique=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
