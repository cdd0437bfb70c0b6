"""Jobs made of jobs: the parent and stage of a child, and how far a composite job is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261125_composite_jobs"
down_revision = "20261122_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("parent_id", sa.String(length=32), nullable=True))
    op.add_column("jobs", sa.Column("stage", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("stages_begun", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("updates_to_come", sa.Double(), nullable=True))
    op.create_index(op.f("ix_jobs_parent_id_seq"), "jobs", ["parent_id", "seq"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_parent_id_seq"), table_name="jobs")
    for column in ("updates_to_come", "stages_begun", "stage", "parent_id"):
        op.drop_column("jobs", column)
