"""Alembic's environment: migrations run on a connection of their own."""

from alembic import context
from sqlalchemy import create_engine, pool

import models  # noqa: F401  all tables are known
from lib.db import DATABASE_URL, Base


def run_migrations() -> None:
    connectable = create_engine(DATABASE_URL, poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
