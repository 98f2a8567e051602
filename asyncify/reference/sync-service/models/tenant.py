from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from lib.db import Base


class Tenant(Base):
    """Whose data it is."""

    __tablename__ = "tenants"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
