"""All statements about jobs. Every function has a session of its own."""

from typing import Any, Optional

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

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


def find_all_jobs() -> list[Job]:
    """All jobs with related data, the newest first."""
    session = get_session()
    try:
        stmt = _select_jobs().join(Job.lead).order_by(Lead.created_at.desc(), Job.id)
        return list(session.execute(stmt).unique().scalars().all())
    finally:
        session.close()


def count_jobs() -> int:
    """How many jobs there are."""
    session = get_session()
    try:
        return session.execute(select(func.count(Job.id))).scalar_one()
    finally:
        session.close()


def find_job_by_id(job_id: int) -> Optional[Job]:
    """A job with related data."""
    session = get_session()
    try:
        return _load_job_with_relationships(session, job_id)
    finally:
        session.close()


def create_job(data: dict[str, Any]) -> Job:
    """A new job, with a lead, and an organization where that isn't known yet."""
    session = get_session()
    try:
        stmt = select(Organization).where(Organization.name == data["company"])
        organization = session.execute(stmt).scalars().first()
        if organization is None:
            tenant = session.execute(select(Tenant).order_by(Tenant.id)).scalars().first()
            if tenant is None:
                tenant = Tenant(name="default")
            organization = Organization(name=data["company"], tenant=tenant)
        else:
            tenant = session.get_one(Tenant, organization.tenant_id)
        deal = Deal(name=data["company"], tenant=tenant)
        lead = Lead(deal=deal, current_status_id=data.get("current_status_id"))
        fields = {name: data[name] for name in FIELDS if name in data}
        job = Job(lead=lead, organization=organization, **fields)
        session.add(job)
        session.commit()
        return _load_job_with_relationships(session, job.id)
    except Exception:
        session.rollback()
        raise
    finally:
        session.close()


def update_job(job_id: int, data: dict[str, Any]) -> Optional[Job]:
    """A job with other fields, and perhaps another status."""
    session = get_session()
    try:
        job = _load_job_with_relationships(session, job_id)
        if job is None:
            return None
        for name in FIELDS:
            if name in data:
                setattr(job, name, data[name])
        if "current_status_id" in data:
            job.lead.current_status_id = data["current_status_id"]
        session.commit()
        session.refresh(job.lead, ["current_status"])
        return job
    except Exception:
        session.rollback()
        raise
    finally:
        session.close()


def delete_job(job_id: int) -> bool:
    """A job goes, with its lead."""
    session = get_session()
    try:
        job = _load_job_with_relationships(session, job_id)
        if job is None:
            return False
        session.delete(job)
        session.delete(job.lead)
        session.commit()
        return True
    except Exception:
        session.rollback()
        raise
    finally:
        session.close()


def find_job_by_company_and_title(company: str, title: str) -> Optional[Job]:
    """The job of a company under a title, whatever the case."""
    session = get_session()
    try:
        stmt = (
            _select_jobs()
            .join(Job.organization)
            .where(func.lower(Organization.name) == company.strip().lower())
            .where(func.lower(Job.job_title) == title.strip().lower())
        )
        return session.execute(stmt).unique().scalars().first()
    finally:
        session.close()


def find_all_statuses() -> list[Status]:
    """All statuses by name."""
    session = get_session()
    try:
        return list(session.execute(select(Status).order_by(Status.name)).scalars().all())
    finally:
        session.close()


def find_jobs_with_status(names: list[str]) -> list[Job]:
    """The jobs whose leads have one of these statuses."""
    session = get_session()
    try:
        stmt = (
            _select_jobs()
            .join(Job.lead)
            .join(Lead.current_status)
            .where(Status.name.in_(names))
            .order_by(Job.id)
        )
        return list(session.execute(stmt).unique().scalars().all())
    finally:
        session.close()


def _load_job_with_relationships(session: Session, job_id: int) -> Optional[Job]:
    stmt = _select_jobs().where(Job.id == job_id)
    return session.execute(stmt).unique().scalar_one_or_none()
