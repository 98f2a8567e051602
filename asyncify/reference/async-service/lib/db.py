"""The database: engine, sessions, and the base class of the models."""

import os

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from lib.asyncify_support import async_url

DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite:///jobs.db")

engine = create_async_engine(async_url(DATABASE_URL))
SessionLocal = async_sessionmaker(bind=engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The base class of all models."""


def get_session() -> AsyncSession:
    """A new session; whoever asks for it closes it."""
    return SessionLocal()
