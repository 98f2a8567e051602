"""What can be done with jobs."""

from datetime import date
from typing import Any, Optional

from lib.errors import Conflict, NotFound
from models import Job, Status
from repositories import job_repository

APPLIED = ["applied", "interview", "offer"]


async def get_all_jobs() -> list[Job]:
    """All jobs, the newest first."""
    jobs = await job_repository.find_all_jobs()
    return jobs


async def get_applied_jobs_only() -> list[Job]:
    """The jobs that somebody applied for."""
    return await job_repository.find_jobs_with_status(APPLIED)


async def get_applied_identifiers() -> set[tuple[str, str]]:
    """Company and title of the jobs that somebody applied for."""
    jobs = await get_applied_jobs_only()
    return {(job.organization.name.lower(), job.job_title.lower()) for job in jobs}


async def fetch_applied_jobs() -> list[dict[str, Any]]:
    """The jobs that somebody applied for, as they are now."""
    return [_map_to_dict(job) for job in await get_applied_jobs_only()]


async def get_jobs_details(job_id: int) -> dict[str, Any]:
    """All that is known about a job."""
    details = _map_to_dict(await get_job(job_id))
    return details


async def is_job_applied(company: str, title: str) -> bool:
    """Has somebody applied for a job?"""
    return _is_among(company, title, await get_applied_identifiers())


async def filter_jobs(jobs: list[dict[str, str]]) -> list[dict[str, str]]:
    """The jobs of a list that nobody applied for."""
    applied = await get_applied_identifiers()
    return [job for job in jobs if not _is_among(job["company"], job["title"], applied)]


async def add_job(company: str, title: str, url: Optional[str] = None) -> Job:
    """A new job; a company has one job of a title."""
    known = await job_repository.find_job_by_company_and_title(company, title)
    if known is not None:
        raise Conflict(f"There is a job {title} at {company} already.")
    job = await job_repository.create_job({"company": company, "job_title": title, "job_url": url})
    return job


async def add_applied_job(company: str, title: str, url: Optional[str] = None) -> Job:
    """A new job that somebody has applied for."""
    job = await add_job(company, title, url)
    return await update_job(job.id, {"status": "applied"})


async def get_jobs_paginated(
    page: int, limit: int, order_by: str, order: str, search: Optional[str] = None
) -> tuple[list[Job], int]:
    """One page of jobs, and how many there are."""
    return await job_repository.find_all_jobs_page(page, limit, order_by, order, search)


async def create_job(data: dict[str, Any]) -> Job:
    """A new job with all its fields."""
    status_id = await _find_status_id(data.get("status"))
    job = await job_repository.create_job({**data, "current_status_id": status_id})
    return job


async def get_job(job_id: int) -> Job:
    """A job."""
    job = await job_repository.find_job_by_id(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


async def delete_job(job_id: int) -> None:
    """A job goes."""
    if not await job_repository.delete_job(job_id):
        raise NotFound(f"There is no job {job_id}.")


async def get_statuses() -> list[Status]:
    """All statuses."""
    return await job_repository.find_all_statuses()


async def get_jobs_with_status(names: list[str]) -> list[Job]:
    """The jobs with one of these statuses."""
    if not names:
        return []
    return await job_repository.find_jobs_with_status(names)


async def get_recent_resume_date() -> Optional[date]:
    """When a resume was sent last."""
    jobs, _ = await get_jobs_paginated(1, 1, "resume", "DESC")
    return jobs[0].resume_date if jobs else None


async def update_job(job_id: int, data: dict[str, Any]) -> Job:
    """A job with other fields; a status is given by its name or its id."""
    if "status" in data and "current_status_id" not in data:
        data = {**data, "current_status_id": await _find_status_id(data["status"])}
    job = await job_repository.update_job(job_id, data)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


async def update_job_by_company(company: str, title: str, data: dict[str, Any]) -> Optional[Job]:
    """The job of a company under a title with other fields, if there is one."""
    if not (company and title):
        return None

    job = await job_repository.find_job_by_company_and_title(company, title)
    if job is None:
        return None

    # Somebody may only have looked.
    if data:
        job = await update_job(job.id, data)
    return job


async def _find_status_id(name: Optional[str]) -> Optional[int]:
    """The id of a status; no name is no status."""
    if not name:
        return None
    ids = {status.name: status.id for status in await get_statuses()}
    if name.lower() not in ids:
        raise NotFound(f"There is no status {name}.")
    return ids[name.lower()]


def _map_to_dict(job: Job) -> dict[str, Any]:
    """A job as it is sent."""
    status = job.lead.current_status
    return {
        "id": job.id,
        "title": job.job_title,
        "url": job.job_url,
        "notes": job.notes,
        "company": job.organization.name,
        "tenant": job.organization.tenant.name,
        "status": status.name if status else None,
        "date": job.lead.created_at.isoformat(),
        "resume": job.resume_date.isoformat() if job.resume_date else None,
    }


def _is_among(company: str, title: str, known: set[tuple[str, str]]) -> bool:
    """Is a job among some of which company and title are known?"""
    if not company:
        return False
    if (company.lower(), title.lower()) in known:
        return True
    return any(
        _fuzzy_match_company(company, other) and title.lower() == other_title
        for other, other_title in known
    )


def _fuzzy_match_company(name: str, other: str) -> bool:
    """May two names be of the same company?"""
    name, other = name.lower().strip(), other.lower().strip()
    return bool(name and other) and (name in other or other in name)
