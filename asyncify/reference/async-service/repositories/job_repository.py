"""All statements about jobs. Every function has a session of its own."""

from datetime import date
from typing import Any, Optional

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from lib.db import get_session
from models import Deal, Job, Lead, Organization, Status, Tenant

FIELDS = ("job_title", "job_url", "notes", "resume_date")


def _select_jobs() -> Select[tuple[Job]]:
    """Jobs with all that is sent of them, in one statement."""
    return select(Job).options(
        joinedload(Job.lead).joinedload(Lead.current_status),
        joinedload(Job.lead).joinedload(Lead.deal).joinedload(Deal.tenant),
        joinedload(Job.lead).joinedload(Lead.deal).joinedload(Deal.current_status),
        joinedload(Job.organization).joinedload(Organization.tenant),
    )


async def find_all_jobs() -> list[Job]:
    """All jobs with related data, the newest first."""
    async with get_session() as session:
        stmt = _select_jobs().join(Job.lead).order_by(Lead.created_at.desc(), Job.id)
        result = await session.execute(stmt)
        return list(result.unique().scalars().all())


async def find_all_jobs_page(
    page: int, limit: int, order_by: str, order: str, search: Optional[str] = None
) -> tuple[list[Job], int]:
    """One page of what `find_all_jobs` gives, and how many there are."""
    async with get_session() as session:
        stmt = _select_jobs().join(Job.lead).join(Job.organization)
        if search and search.strip():
            term = search.strip().lower()
            stmt = stmt.where(
                or_(
                    func.lower(Organization.name).contains(term, autoescape=True),
                    func.lower(Job.job_title).contains(term, autoescape=True),
                )
            )
        counting = select(func.count()).select_from(stmt.subquery())
        result = await session.execute(counting)
        total = result.scalar_one()
        keys = {
            "date": Lead.created_at,
            "company": Organization.name,
            "job_title": Job.job_title,
            "resume": func.coalesce(Job.resume_date, date.min),
        }
        key = keys.get(order_by, keys["date"])
        offset = (page - 1) * limit
        stmt = stmt.order_by(key.desc() if order.upper() == "DESC" else key, Job.id)
        stmt = stmt.limit(limit).offset(offset)
        query_result = await session.execute(stmt)
        return list(query_result.unique().scalars().all()), total


async def count_jobs() -> int:
    """How many jobs there are."""
    async with get_session() as session:
        result = await session.execute(select(func.count(Job.id)))
        return result.scalar_one()


async def find_job_by_id(job_id: int) -> Optional[Job]:
    """A job with related data."""
    async with get_session() as session:
        return await _load_job_with_relationships(session, job_id)


async def create_job(data: dict[str, Any]) -> Job:
    """A new job, with a lead, and an organization where that isn't known yet."""
    async with get_session() as session:
        try:
            stmt = select(Organization).where(Organization.name == data["company"])
            result = await session.execute(stmt)
            organization = result.scalars().first()
            if organization is None:
                tenant_result = await session.execute(select(Tenant).order_by(Tenant.id))
                tenant = tenant_result.scalars().first()
                if tenant is None:
                    tenant = Tenant(name="default")
                organization = Organization(name=data["company"], tenant=tenant)
            else:
                tenant = await session.get_one(Tenant, organization.tenant_id)
            deal = Deal(name=data["company"], tenant=tenant)
            lead = Lead(deal=deal, current_status_id=data.get("current_status_id"))
            fields = {name: data[name] for name in FIELDS if name in data}
            job = Job(lead=lead, organization=organization, **fields)
            session.add(job)
            await session.commit()
            return await _load_job_with_relationships(session, job.id)
        except Exception:
            await session.rollback()
            raise


async def update_job(job_id: int, data: dict[str, Any]) -> Optional[Job]:
    """A job with other fields, and perhaps another status."""
    async with get_session() as session:
        try:
            job = await _load_job_with_relationships(session, job_id)
            if job is None:
                return None
            for name in FIELDS:
                if name in data:
                    setattr(job, name, data[name])
            if "current_status_id" in data:
                job.lead.current_status_id = data["current_status_id"]
            await session.commit()
            await session.refresh(job.lead, ["current_status"])
            return job
        except Exception:
            await session.rollback()
            raise


async def delete_job(job_id: int) -> bool:
    """A job goes, with its lead."""
    async with get_session() as session:
        try:
            job = await _load_job_with_relationships(session, job_id)
            if job is None:
                return False
            await session.delete(job)
            await session.delete(job.lead)
            await session.commit()
            return True
        except Exception:
            await session.rollback()
            raise


async def find_job_by_company_and_title(company: str, title: str) -> Optional[Job]:
    """The job of a company under a title, whatever the case."""
    async with get_session() as session:
        stmt = (
            _select_jobs()
            .join(Job.organization)
            .where(func.lower(Organization.name) == company.strip().lower())
            .where(func.lower(Job.job_title) == title.strip().lower())
        )
        result = await session.execute(stmt)
        return result.unique().scalars().first()


async def find_all_statuses() -> list[Status]:
    """All statuses by name."""
    async with get_session() as session:
        result = await session.execute(select(Status).order_by(Status.name))
        return list(result.scalars().all())


async def find_jobs_with_status(names: list[str]) -> list[Job]:
    """The jobs whose leads have one of these statuses."""
    async with get_session() as session:
        stmt = (
            _select_jobs()
            .join(Job.lead)
            .join(Lead.current_status)
            .where(Status.name.in_(names))
            .order_by(Job.id)
        )
        result = await session.execute(stmt)
        return list(result.unique().scalars().all())


async def _load_job_with_relationships(session: AsyncSession, job_id: int) -> Optional[Job]:
    stmt = _select_jobs().where(Job.id == job_id)
    result = await session.execute(stmt)
    return result.unique().scalar_one_or_none()
