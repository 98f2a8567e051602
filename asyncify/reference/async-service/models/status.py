from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lib.db import Base


class Status(Base):
    """How far a lead or a deal has come."""

    __tablename__ = "statuses"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
