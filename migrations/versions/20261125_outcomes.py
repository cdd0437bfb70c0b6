"""The memory of outcomes: how trainings ended, and what suggestion rules had answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261125_outcomes"
down_revision = "20261125_composite_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outcomes",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("yardstick", sa.String(length=32), nullable=False),
        sa.Column("shape", sa.String(length=32), nullable=False),
        sa.Column("updates", sa.Integer(), nullable=False),
        sa.Column("lr", sa.Double(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("first_loss", sa.Double(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_outcomes_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_outcomes")),
    )
    op.create_index(op.f("ix_outcomes_task"), "outcomes", ["task"], unique=False)
    op.create_table(
        "advice",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("lr", sa.Double(), nullable=True),
        sa.Column("min_lr", sa.Double(), nullable=True),
        sa.Column("max_lr", sa.Double(), nullable=True),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("optimizer", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_advice_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "rule", name=op.f("pk_advice")),
    )


def downgrade() -> None:
    op.drop_table("advice")
    op.drop_index(op.f("ix_outcomes_task"), table_name="outcomes")
    op.drop_table("outcomes")
