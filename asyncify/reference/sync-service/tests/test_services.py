"""What has no route of its own: the services and controllers below them."""

import pytest
from fastapi import HTTPException


def test_a_company_has_one_job_of_a_title(client):
    from lib.errors import Conflict
    from services import job_service

    job = job_service.add_job("Acme", "Welder", "https://acme.example/1")
    assert job.job_url == "https://acme.example/1"
    with pytest.raises(Conflict):
        job_service.add_job("ACME ", "welder")


def test_jobs_that_somebody_applied_for(client):
    from services import job_service

    job_service.add_job("Acme", "Welder")
    job_service.add_applied_job("Bolt Ltd", "Driver")
    assert [job["company"] for job in job_service.fetch_applied_jobs()] == ["Bolt Ltd"]
    assert job_service.get_applied_identifiers() == {("bolt ltd", "driver")}
    assert job_service.is_job_applied("bolt", "Driver")
    assert not job_service.is_job_applied("", "Driver")
    listed = [{"company": "Bolt", "title": "Driver"}, {"company": "Acme", "title": "Welder"}]
    assert job_service.filter_jobs(listed) == listed[1:]


def test_updates_by_company(client):
    from services import job_service

    job_service.add_job("Acme", "Welder")
    job = job_service.update_job_by_company("acme", "WELDER", {"notes": "called"})
    assert job.notes == "called"
    assert job_service.update_job_by_company("acme", "welder", {}).notes == "called"
    assert job_service.update_job_by_company("acme", "", {"notes": "x"}) is None
    assert job_service.update_job_by_company("none", "welder", {"notes": "x"}) is None


def test_statuses_and_leads(client):
    from controllers import job_controller
    from services import job_service

    names = job_controller.get_statuses()
    assert names == ["applied", "do not apply", "interview", "new", "offer", "rejected"]
    job = job_service.create_job({"company": "Acme", "job_title": "Welder"})
    assert job_controller.mark_lead_as_applied(job.id)["status"] == "applied"
    assert [lead["id"] for lead in job_controller.get_leads(["applied"])] == [job.id]
    assert job_controller.get_leads([]) == []
    assert job_controller.mark_lead_as_do_not_apply(job.id)["status"] == "do not apply"
    with pytest.raises(HTTPException) as caught:
        job_controller.mark_lead_as_applied(99)
    assert caught.value.status_code == 404


def test_all_jobs(client):
    from repositories import job_repository
    from services import job_service

    assert job_service.get_all_jobs() == []
    job_service.add_job("Acme", "Welder")
    job_service.add_job("Bolt", "Driver")
    assert [job.job_title for job in job_service.get_all_jobs()] == ["Driver", "Welder"]
    assert job_repository.count_jobs() == 2
