"""The database: engine, sessions, and the base class of the models."""

import os

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///jobs.db")

engine = create_engine(DATABASE_URL)
SessionLocal = sessionmaker(bind=engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The base class of all models."""


def get_session() -> Session:
    """A new session; whoever asks for it closes it."""
    return SessionLocal()
