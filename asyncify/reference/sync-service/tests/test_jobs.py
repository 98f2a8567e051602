"""The service, through its routes."""

import pytest


@pytest.fixture
def jobs(client):
    """Three jobs."""
    for company, title, sent in (
        ("Acme", "Welder", "2026-01-02"),
        ("Bolt", "Driver", None),
        ("Castle acme", "Baker", "2026-03-04"),
    ):
        data = {"company": company, "job_title": title, "resume_date": sent}
        assert client.post("/jobs", json=data).status_code == 201
    return client


def titles(client, **query):
    page = client.get("/jobs", params=query).json()
    return page["total"], [job["title"] for job in page["items"]]


def test_nobody_without_a_token(client):
    answer = client.get("/jobs", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


def test_there_are_no_jobs(client):
    page = client.get("/jobs").json()
    assert page == {"total": 0, "page": 1, "limit": 25, "pages": 0, "items": []}
    assert client.get("/jobs/recent-resume-date").json() == {"resume_date": None}


def test_a_job_comes_and_goes(client):
    data = {"company": "Acme", "job_title": "Welder", "status": "new"}
    made = client.post("/jobs", json=data).json()
    assert (made["company"], made["status"], made["tenant"]) == ("Acme", "new", "default")
    assert client.get(f"/jobs/{made['id']}").json() == made
    change = {"status": "applied", "notes": "sent"}
    changed = client.put(f"/jobs/{made['id']}", json=change).json()
    assert changed == {**made, **change}
    assert client.get(f"/jobs/{made['id']}").json() == changed
    assert client.delete(f"/jobs/{made['id']}").json() == {"deleted": made["id"]}
    assert client.get(f"/jobs/{made['id']}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_such_job(client, method):
    data = {"notes": "none"} if method == "PUT" else None
    answer = client.request(method, "/jobs/99", json=data)
    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no job 99."})


def test_no_such_status(jobs):
    assert jobs.put("/jobs/1", json={"status": "gone", "notes": "x"}).status_code == 404
    assert jobs.get("/jobs/1").json()["notes"] is None


def test_pages(jobs):
    assert titles(jobs, orderBy="job_title", order="ASC", limit=2) == (3, ["Baker", "Driver"])
    assert titles(jobs, orderBy="job_title", order="ASC", limit=2, page=2) == (3, ["Welder"])
    assert titles(jobs, orderBy="job_title", order="ASC", limit=1, page=2) == (3, ["Driver"])
    assert titles(jobs, limit=2, page=3) == (3, [])


def test_orders(jobs):
    assert titles(jobs, orderBy="date", order="ASC")[1] == ["Welder", "Driver", "Baker"]
    assert titles(jobs, orderBy="company", order="ASC")[1] == ["Welder", "Driver", "Baker"]
    assert titles(jobs, orderBy="resume", order="DESC")[1] == ["Baker", "Welder", "Driver"]
    assert titles(jobs, orderBy="resume", order="ASC")[1] == ["Driver", "Welder", "Baker"]


def test_searches(jobs):
    assert titles(jobs, search=" ACME ", orderBy="job_title", order="ASC") == (
        2,
        ["Baker", "Welder"],
    )
    assert titles(jobs, search="driv") == (1, ["Driver"])
    assert titles(jobs, search="100%") == (0, [])


def test_the_last_resume(jobs):
    assert jobs.get("/jobs/recent-resume-date").json() == {"resume_date": "2026-03-04"}


def test_a_failure_leaves_nothing_behind(jobs):
    with pytest.raises(Exception):
        jobs.post("/jobs", json={"company": "Cold", "job_title": None})
    assert titles(jobs, search="cold") == (0, [])
    again = jobs.post("/jobs", json={"company": "Cold", "job_title": "Cook"})
    assert again.status_code == 201
    assert titles(jobs)[0] == 4
