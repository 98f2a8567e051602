from datetime import datetime, timezone

from sqlalchemy import DateTime, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lib.db import Base
from models.deal import Deal
from models.status import Status


def now() -> datetime:
    """The time, in UTC and without a zone, as all databases keep it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Lead(Base):
    """Something that may become a job."""

    __tablename__ = "leads"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(100), default="manual")
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now, index=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    current_status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id"))

    deal: Mapped[Deal] = relationship()
    current_status: Mapped[Status | None] = relationship()
