"""Statuses of leads and deals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAMES = ("applied", "do not apply", "interview", "new", "offer", "rejected")


def upgrade() -> None:
    statuses = op.create_table(
        "statuses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
    )
    op.bulk_insert(statuses, [{"name": name} for name in NAMES])
    for table in ("leads", "deals"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("current_status_id", sa.Integer))
            batch.create_foreign_key(
                f"{table}_current_status", "statuses", ["current_status_id"], ["id"]
            )


def downgrade() -> None:
    for table in ("leads", "deals"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"{table}_current_status", type_="foreignkey")
            batch.drop_column("current_status_id")
    op.drop_table("statuses")
