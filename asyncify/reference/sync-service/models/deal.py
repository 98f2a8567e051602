from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lib.db import Base
from models.status import Status
from models.tenant import Tenant


class Deal(Base):
    """What may come of several leads."""

    __tablename__ = "deals"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
    current_status_id: Mapped[int | None] = mapped_column(ForeignKey("statuses.id"))

    tenant: Mapped[Tenant] = relationship()
    current_status: Mapped[Status | None] = relationship()
