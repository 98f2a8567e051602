"""The routes of jobs."""

from typing import Any, Optional

from fastapi import APIRouter, Query, Request

from controllers import job_controller
from lib.auth import require_auth
from lib.errors import log_errors

router = APIRouter(prefix="/jobs")


@router.get("")
@log_errors
@require_auth
async def get_jobs_route(
    request: Request,
    page: int = Query(1, ge=1),
    limit: int = Query(25, ge=1, le=100),
    order_by: str = Query("date", alias="orderBy"),
    order: str = Query("DESC", pattern="^(ASC|DESC)$"),
    search: Optional[str] = Query(None),
):
    """One page of jobs."""
    return job_controller.get_jobs(page, limit, order_by, order, search)


@router.post("", status_code=201)
@log_errors
@require_auth
async def create_job_route(request: Request, data: dict[str, Any]):
    """A new job."""
    return job_controller.create_job(data)


@router.get("/recent-resume-date")
@log_errors
@require_auth
async def get_recent_resume_date_route(request: Request):
    """When a resume was sent last."""
    return job_controller.get_recent_resume_date()


@router.get("/{job_id}")
@log_errors
@require_auth
async def get_job_route(request: Request, job_id: int):
    """A job."""
    return job_controller.get_job(job_id)


@router.put("/{job_id}")
@log_errors
@require_auth
async def update_job_route(request: Request, job_id: int, data: dict[str, Any]):
    """A job with other fields."""
    return job_controller.update_job(job_id, data)


@router.delete("/{job_id}")
@log_errors
@require_auth
async def delete_job_route(request: Request, job_id: int):
    """A job goes."""
    return job_controller.delete_job(job_id)
