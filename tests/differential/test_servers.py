"""The programs under ``fixtures/differential`` on PostgreSQL and MariaDB, before and after.

``.ci/run`` starts both servers and tells their URLs. Elsewhere they are started here, where their
programs are installed; where they aren't, these tests are skipped and say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from tests import servers
from tests.differential.compare import differences
from tests.differential.harness import AT_IMPORT, FIXTURES, Programs, migrated
from tests.differential.run import run_program
from tests.engine import errors, migrate, write

SOURCES = [*sorted(FIXTURES.glob("cases/*.py")), *sorted(FIXTURES.glob("programs/*"))]


class Driver(NamedTuple):
    """A server, the driver of the program before its migration, and that of the tests."""

    server: servers.Server
    before: str
    admin: str


DRIVERS = {
    "asyncpg": Driver(servers.POSTGRESQL, "psycopg2", "psycopg2"),
    "psycopg": Driver(servers.POSTGRESQL, "psycopg", "psycopg2"),
    "aiomysql": Driver(servers.MARIADB, "pymysql", "pymysql"),
}


@pytest.fixture(scope="session")
def started() -> Iterator[dict[str, str]]:
    """The URLs of the servers that run, by name."""
    with tempfile.TemporaryDirectory(prefix="asyncify-servers-") as name:
        folder, urls = Path(name), {}
        folder.chmod(0o711)
        watch = [sys.executable, servers.__file__, "watch", name, str(os.getpid())]
        subprocess.Popen(watch, start_new_session=True)
        try:
            for server in servers.SERVERS.values():
                given = os.environ.get(server.variable)
                if given or servers.programs(server):
                    urls[server.name] = given or servers.start(server, folder)
            yield urls
        finally:
            servers.stop(folder)


Migrated = Callable[[Path], Programs]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """A source's programs, migrated once for all servers."""

    @cache
    def get(source: Path) -> Programs:
        return migrated(source, tmp_path_factory.mktemp(source.stem))

    return get


@contextmanager
def database(server: str, driver: Driver) -> Iterator[URL]:
    """An empty database, with the driver of the program before its migration."""
    url = make_url(server)
    name = f"asyncify_{os.getpid()}"
    engine = create_engine(
        url.set(drivername=f"{url.get_backend_name()}+{driver.admin}"), isolation_level="AUTOCOMMIT"
    )
    force = " WITH (FORCE)" if driver.server is servers.POSTGRESQL else ""
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield url.set(drivername=f"{url.get_backend_name()}+{driver.before}", database=name)
        finally:
            connection.execute(text(f"DROP DATABASE {name}{force}"))
    engine.dispose()


def cases() -> Iterator[object]:
    """Every program on every driver; those of psycopg2's arguments where it is replaced."""
    for name, driver in DRIVERS.items():
        own = sorted(FIXTURES.glob("postgresql/*")) if driver.before == "psycopg2" else []
        for source in (*SOURCES, *own):
            yield pytest.param(driver, source, id=f"{name}-{source.stem}")


@pytest.mark.parametrize(("driver", "source"), list(cases()))
def test_same_on_a_server(
    driver: Driver, source: Path, started: dict[str, str], programs: Migrated, tmp_path: Path
) -> None:
    server = started.get(driver.server.name)
    if server is None:
        pytest.skip(f"{driver.server.package} is not installed, {driver.server.variable} not set")
    both = programs(source)
    runs = []
    for folder in (both.before, both.after):
        with database(server, driver) as url:
            record = tmp_path / f"{folder.parent.name}.json"
            runs.append(run_program(folder, record, url.render_as_string(hide_password=False)))
    found = [*errors(both.outcome), *differences(*runs)]
    found = [each for each in found if each != AT_IMPORT.get(source.stem)]
    assert not found, "\n".join(found)


CONNECTED = """\
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine({url!r}{given})
SessionLocal = sessionmaker(bind=engine)


def state(db: Session) -> str:
    return str(db.execute(text({question!r})).first())


def main() -> None:
    try:
        with SessionLocal() as db:
            print(state(db))
    except Exception as error:
        print("TLS" if "cert" in repr(error).lower() else "?", "is refused")


if __name__ == "__main__":
    main()
"""
ENCRYPTED = {
    "postgresql": "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mariadb": "SHOW STATUS LIKE 'Ssl_version'",
}
OWN_CERTIFICATE = {"postgresql": "SHOW ssl_cert_file", "mariadb": "SELECT @@ssl_cert"}
OTHERS = "/etc/ssl/certs/ca-certificates.crt"
TLS = {
    "required": ("asyncpg", "", '{"sslmode": "require"}'),
    "off": ("asyncpg", "", '{"sslmode": "disable"}'),
    "verified": ("asyncpg", "", '{"sslmode": "verify-full", "sslrootcert": CERTIFICATE}'),
    "by others": ("asyncpg", "", '{"sslmode": "verify-ca", "sslrootcert": OTHERS}'),
    "in the URL": ("asyncpg", "?sslmode=verify-ca&sslrootcert=CERTIFICATE", ""),
    "file": ("aiomysql", "", '{"ssl": {"ca": CERTIFICATE}}'),
    "files as arguments": ("aiomysql", "", '{"ssl_ca": CERTIFICATE, "ssl_verify_identity": True}'),
    "file in the URL": ("aiomysql", "?ssl_ca=CERTIFICATE", ""),
    "not checked": ("aiomysql", "", '{"ssl": {"check_hostname": False}}'),
}


@pytest.mark.parametrize("way", TLS)
def test_encrypted_as_before(way: str, started: dict[str, str], tmp_path: Path) -> None:
    """The program connects with TLS exactly where it did, and trusts the same certificates."""
    name, query, given = TLS[way]
    driver = DRIVERS[name]
    if driver.server.name not in started:
        pytest.skip(f"{driver.server.package} is not installed, {driver.server.variable} not set")
    url = make_url(started[driver.server.name])
    url = url.set(drivername=f"{url.get_backend_name()}+{driver.before}")
    engine = create_engine(url)
    with engine.connect() as connection:
        certificate = connection.execute(text(OWN_CERTIFICATE[driver.server.name])).scalar_one()
    engine.dispose()
    if not Path(certificate).is_absolute():
        pytest.skip("the server has no certificate: openssl is not installed")
    if "OTHERS" in given and not Path(OTHERS).exists():
        pytest.skip(f"there is no {OTHERS}")
    given = given.replace("CERTIFICATE", repr(certificate)).replace("OTHERS", repr(OTHERS))
    program = CONNECTED.format(
        url=url.render_as_string(hide_password=False) + query.replace("CERTIFICATE", certificate),
        given=f", connect_args={given}" if given else "",
        question=ENCRYPTED[driver.server.name],
    )
    (tmp_path / "main.py").write_text(program, encoding="utf-8")
    before = printed(tmp_path)
    outcome = migrate(tmp_path)
    write(tmp_path, outcome)
    assert not errors(outcome)
    assert "create_async_engine" in (tmp_path / "main.py").read_text("utf-8")
    assert ("TLS" in before) == (way != "off")
    assert printed(tmp_path) == before


def printed(folder: Path) -> str:
    """What the program in a folder prints."""
    command = [sys.executable, "main.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + ("" if done.stdout else done.stderr)
