"""What has no route of its own: the services and controllers below them."""

import pytest
from fastapi import HTTPException


async def test_a_company_has_one_job_of_a_title(client):
    from lib.errors import Conflict
    from services import job_service

    job = await job_service.add_job("Acme", "Welder", "https://acme.example/1")
    assert job.job_url == "https://acme.example/1"
    with pytest.raises(Conflict):
        await job_service.add_job("ACME ", "welder")


async def test_jobs_that_somebody_applied_for(client):
    from services import job_service

    await job_service.add_job("Acme", "Welder")
    await job_service.add_applied_job("Bolt Ltd", "Driver")
    assert [job["company"] for job in await job_service.fetch_applied_jobs()] == ["Bolt Ltd"]
    assert await job_service.get_applied_identifiers() == {("bolt ltd", "driver")}
    assert await job_service.is_job_applied("bolt", "Driver")
    assert not await job_service.is_job_applied("", "Driver")
    listed = [{"company": "Bolt", "title": "Driver"}, {"company": "Acme", "title": "Welder"}]
    assert await job_service.filter_jobs(listed) == listed[1:]


async def test_updates_by_company(client):
    from services import job_service

    await job_service.add_job("Acme", "Welder")
    job = await job_service.update_job_by_company("acme", "WELDER", {"notes": "called"})
    assert job.notes == "called"
    assert (await job_service.update_job_by_company("acme", "welder", {})).notes == "called"
    assert await job_service.update_job_by_company("acme", "", {"notes": "x"}) is None
    assert await job_service.update_job_by_company("none", "welder", {"notes": "x"}) is None


async def test_statuses_and_leads(client):
    from controllers import job_controller
    from services import job_service

    names = await job_controller.get_statuses()
    assert names == ["applied", "do not apply", "interview", "new", "offer", "rejected"]
    job = await job_service.create_job({"company": "Acme", "job_title": "Welder"})
    assert (await job_controller.mark_lead_as_applied(job.id))["status"] == "applied"
    assert [lead["id"] for lead in await job_controller.get_leads(["applied"])] == [job.id]
    assert await job_controller.get_leads([]) == []
    assert (await job_controller.mark_lead_as_do_not_apply(job.id))["status"] == "do not apply"
    with pytest.raises(HTTPException) as caught:
        await job_controller.mark_lead_as_applied(99)
    assert caught.value.status_code == 404


async def test_all_jobs(client):
    from repositories import job_repository
    from services import job_service

    assert await job_service.get_all_jobs() == []
    await job_service.add_job("Acme", "Welder")
    await job_service.add_job("Bolt", "Driver")
    assert [job.job_title for job in await job_service.get_all_jobs()] == ["Driver", "Welder"]
    assert await job_repository.count_jobs() == 2
