"""What can be done with jobs."""

from datetime import date
from typing import Any, Optional

from lib.errors import Conflict, NotFound
from models import Job, Status
from repositories import job_repository

APPLIED = ["applied", "interview", "offer"]

# Loading all jobs takes long.
_cache: Optional[list[Job]] = None
_details_cache: dict[int, dict[str, Any]] = {}


def _clear_cache() -> None:
    """Forget all jobs: they have changed."""
    global _cache
    _cache = None
    _details_cache.clear()


def get_all_jobs() -> list[Job]:
    """All jobs, the newest first."""
    global _cache
    if _cache is not None:
        return _cache
    jobs = job_repository.find_all_jobs()
    _cache = jobs
    return jobs


def get_applied_jobs_only() -> list[Job]:
    """The jobs that somebody applied for."""
    return job_repository.find_jobs_with_status(APPLIED)


def get_applied_identifiers() -> set[tuple[str, str]]:
    """Company and title of the jobs that somebody applied for."""
    jobs = get_applied_jobs_only()
    return {(job.organization.name.lower(), job.job_title.lower()) for job in jobs}


def fetch_applied_jobs() -> list[dict[str, Any]]:
    """The jobs that somebody applied for, as they are now."""
    return [_map_to_dict(job) for job in get_applied_jobs_only()]


def get_jobs_details(job_id: int) -> dict[str, Any]:
    """All that is known about a job."""
    # Asked for again and again while somebody looks at it.
    if job_id in _details_cache:
        return _details_cache[job_id]
    details = _map_to_dict(get_job(job_id))
    _details_cache[job_id] = details
    return details


def is_job_applied(company: str, title: str) -> bool:
    """Has somebody applied for a job?"""
    return _is_among(company, title, get_applied_identifiers())


def filter_jobs(jobs: list[dict[str, str]]) -> list[dict[str, str]]:
    """The jobs of a list that nobody applied for."""
    applied = get_applied_identifiers()
    return [job for job in jobs if not _is_among(job["company"], job["title"], applied)]


def add_job(company: str, title: str, url: Optional[str] = None) -> Job:
    """A new job; a company has one job of a title."""
    known = job_repository.find_job_by_company_and_title(company, title)
    if known is not None:
        raise Conflict(f"There is a job {title} at {company} already.")
    job = job_repository.create_job({"company": company, "job_title": title, "job_url": url})
    _clear_cache()
    return job


def add_applied_job(company: str, title: str, url: Optional[str] = None) -> Job:
    """A new job that somebody has applied for."""
    job = add_job(company, title, url)
    return update_job(job.id, {"status": "applied"})


def get_jobs_paginated(
    page: int, limit: int, order_by: str, order: str, search: Optional[str] = None
) -> tuple[list[Job], int]:
    """One page of jobs, and how many there are."""
    jobs = job_repository.find_all_jobs()
    if search and search.strip():
        term = search.strip().lower()
        jobs = [job for job in jobs if _matches_job(job, term)]
    total = len(jobs)
    keys = {
        "date": lambda job: job.lead.created_at,
        "company": lambda job: job.organization.name,
        "job_title": lambda job: job.job_title,
        "resume": lambda job: job.resume_date or date.min,
    }
    key = keys.get(order_by, keys["date"])
    jobs.sort(key=lambda job: job.id)
    jobs.sort(key=key, reverse=order.upper() == "DESC")
    offset = (page - 1) * limit
    return jobs[offset : offset + limit], total  # asyncify: ignore[ASY802] any collation will do


def create_job(data: dict[str, Any]) -> Job:
    """A new job with all its fields."""
    status_id = _find_status_id(data.get("status"))
    job = job_repository.create_job({**data, "current_status_id": status_id})
    _clear_cache()
    return job


def get_job(job_id: int) -> Job:
    """A job."""
    job = job_repository.find_job_by_id(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def delete_job(job_id: int) -> None:
    """A job goes."""
    if not job_repository.delete_job(job_id):
        raise NotFound(f"There is no job {job_id}.")
    _clear_cache()


def get_statuses() -> list[Status]:
    """All statuses."""
    return job_repository.find_all_statuses()


def get_jobs_with_status(names: list[str]) -> list[Job]:
    """The jobs with one of these statuses."""
    if not names:
        return []
    return job_repository.find_jobs_with_status(names)


def get_recent_resume_date() -> Optional[date]:
    """When a resume was sent last."""
    jobs, _ = get_jobs_paginated(1, 1, "resume", "DESC")
    return jobs[0].resume_date if jobs else None


def update_job(job_id: int, data: dict[str, Any]) -> Job:
    """A job with other fields; a status is given by its name or its id."""
    if "status" in data and "current_status_id" not in data:
        data = {**data, "current_status_id": _find_status_id(data["status"])}
    job = job_repository.update_job(job_id, data)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    _clear_cache()
    return job


def update_job_by_company(company: str, title: str, data: dict[str, Any]) -> Optional[Job]:
    """The job of a company under a title with other fields, if there is one."""
    if company and title:
        job = job_repository.find_job_by_company_and_title(company, title)
        if job is not None:
            # Somebody may only have looked.
            if data:
                job = update_job(job.id, data)
            return job
    return None


def _find_status_id(name: Optional[str]) -> Optional[int]:
    """The id of a status; no name is no status."""
    if not name:
        return None
    ids = {status.name: status.id for status in get_statuses()}
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


def _matches_job(job: Job, term: str) -> bool:
    """Does a search find a job?"""
    return term in job.organization.name.lower() or term in job.job_title.lower()
