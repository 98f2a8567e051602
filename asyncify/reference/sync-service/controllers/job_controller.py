"""What routes ask for, as it is sent."""

from datetime import date
from typing import Any, Optional

from lib.errors import handle_http_exceptions
from models import Job
from services import job_service


def _to_response(job: Job) -> dict[str, Any]:
    return job_service._map_to_dict(job)


def _to_page(total: int, page: int, limit: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    pages = -(-total // limit)
    return {"total": total, "page": page, "limit": limit, "pages": pages, "items": items}


@handle_http_exceptions
def get_jobs(
    page: int, limit: int, order_by: str, order: str, search: Optional[str] = None
) -> dict[str, Any]:
    """One page of jobs."""
    jobs, total = job_service.get_jobs_paginated(page, limit, order_by, order, search)
    return _to_page(total, page, limit, [_to_response(job) for job in jobs])


@handle_http_exceptions
def create_job(data: dict[str, Any]) -> dict[str, Any]:
    """A new job."""
    return _to_response(job_service.create_job(_with_dates(data)))


@handle_http_exceptions
def get_job(job_id: int) -> dict[str, Any]:
    """A job."""
    return job_service.get_jobs_details(job_id)


@handle_http_exceptions
def update_job(job_id: int, data: dict[str, Any]) -> dict[str, Any]:
    """A job with other fields."""
    return _to_response(job_service.update_job(job_id, _with_dates(data)))


@handle_http_exceptions
def delete_job(job_id: int) -> dict[str, Any]:
    """A job goes."""
    job_service.delete_job(job_id)
    return {"deleted": job_id}


@handle_http_exceptions
def get_statuses() -> list[str]:
    """The names of all statuses."""
    return [status.name for status in job_service.get_statuses()]


@handle_http_exceptions
def get_leads(statuses: list[str]) -> list[dict[str, Any]]:
    """The jobs whose leads have one of these statuses."""
    return [_to_response(job) for job in job_service.get_jobs_with_status(statuses)]


@handle_http_exceptions
def mark_lead_as_applied(job_id: int) -> dict[str, Any]:
    """Somebody has applied for a job."""
    return _to_response(job_service.update_job(job_id, {"status": "applied"}))


@handle_http_exceptions
def mark_lead_as_do_not_apply(job_id: int) -> dict[str, Any]:
    """Nobody is to apply for a job."""
    return _to_response(job_service.update_job(job_id, {"status": "do not apply"}))


@handle_http_exceptions
def get_recent_resume_date() -> dict[str, Optional[str]]:
    """When a resume was sent last."""
    found = job_service.get_recent_resume_date()
    return {"resume_date": found.isoformat() if found else None}


def _with_dates(data: dict[str, Any]) -> dict[str, Any]:
    """Dates as such: they are sent as text."""
    sent = data.get("resume_date")
    return {**data, "resume_date": date.fromisoformat(sent)} if isinstance(sent, str) else data
