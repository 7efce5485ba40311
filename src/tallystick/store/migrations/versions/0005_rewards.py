"""Fees of final work and what of them counts for rewards, by payee."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rewards",
        sa.Column("account", sa.BigInteger(), autoincrement=False, nullable=False),
        _number("fees"),
        _number("overturned"),
        _number("counted"),
        _number("forfeiting"),
        _number("waiting_since"),
        _number("asked_for"),
        sa.Column("asked_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_rewards")),
    )
    op.create_index("ix_rewards_waiting_since", "rewards", ["waiting_since"], unique=False)
    # What was paid before brought these fees, and nothing of it counted yet: there were no rewards. A release that is
    # not over, or was not good, is taken for good here; the chain is asked before anything is sent.
    op.execute(
        "INSERT INTO rewards (account, fees, waiting_since) "
        "SELECT payee, sum(paid * fee_provider / 10000 + paid * fee_customer / 10000) AS fees, 1 "
        "FROM agreements GROUP BY payee HAVING fees > 0"
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
