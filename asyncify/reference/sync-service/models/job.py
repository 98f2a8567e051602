from datetime import date

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lib.db import Base
from models.lead import Lead
from models.organization import Organization


class Job(Base):
    """A job, and what was sent for it."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_title: Mapped[str] = mapped_column(String(200), index=True)
    job_url: Mapped[str | None] = mapped_column(String(500))
    notes: Mapped[str | None] = mapped_column(Text)
    resume_date: Mapped[date | None] = mapped_column()
    lead_id: Mapped[int] = mapped_column(ForeignKey("leads.id"))
    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id"))

    lead: Mapped[Lead] = relationship()
    organization: Mapped[Organization] = relationship()
