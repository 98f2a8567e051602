"""Database servers of the tests' own: on loopback, on a free port, with fresh data.

    python3 tests/servers.py start FOLDER    starts all, prints a line ``VARIABLE=URL`` for each
    python3 tests/servers.py stop FOLDER     stops what was started there
    python3 tests/servers.py watch FOLDER PROCESS    stops it when that process has ended

Nothing but the standard library is imported: this runs before there is a virtual environment. Each
server runs under the user that its package made when the tests run as root, which servers refuse.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SECONDS = 60
USER = "asyncify"


class Server(NamedTuple):
    """A kind of server: where its URL is told, its user of the system, and its programs."""

    name: str
    variable: str
    account: str
    programs: tuple[str, ...]
    package: str


POSTGRESQL = Server(
    "postgresql", "ASYNCIFY_POSTGRESQL", "postgres", ("initdb", "pg_ctl"), "postgresql"
)
MARIADB = Server(
    "mariadb", "ASYNCIFY_MARIADB", "mysql", ("mariadb-install-db", "mariadbd"), "mariadb-server"
)
SERVERS = {server.name: server for server in (POSTGRESQL, MARIADB)}


def programs(server: Server) -> list[str]:
    """Where the server's programs are; an empty list if one is missing."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, versions), "/usr/sbin"])
    found = [shutil.which(name, path=path) for name in server.programs]
    return [] if None in found else [name for name in found if name is not None]


def start(server: Server, folder: Path) -> str:
    """Start a server with its data below the folder; its URL, without a driver."""
    home = folder / server.name
    home.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(home, server.account, server.account)
    home.chmod(0o700)
    password, port = secrets.token_hex(8), free_port()
    starter = start_postgresql if server is POSTGRESQL else start_mariadb
    starter(home, port, password)
    database = "postgres" if server is POSTGRESQL else "mysql"
    return f"{server.name}://{USER}:{password}@127.0.0.1:{port}/{database}"


def stop(folder: Path) -> None:
    """Stop the servers whose data is below the folder, and wait for their end."""
    for file in (POSTGRESQL.name + "/data/postmaster.pid", MARIADB.name + "/mariadb.pid"):
        path = folder / file
        if not path.exists():
            continue
        process = int(path.read_text("utf-8").split()[0])
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGINT if "postmaster" in file else signal.SIGTERM)
        deadline = time.monotonic() + SECONDS
        while path.exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def watch(folder: Path, process: int) -> None:
    """Stop the servers of tests that were killed before they could."""
    while folder.exists():
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(1)


def certificate(server: Server, home: Path) -> Path | None:
    """A certificate that the server signs for itself, beside its key: ``certificate.pem``, and
    ``key.pem``. None where OpenSSL isn't installed, as it is with Debian's packages."""
    if shutil.which("openssl") is None:
        return None
    file = home / "certificate.pem"
    run(
        server,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj",
         "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", file,
         "-keyout", home / "key.pem"],
    )  # fmt: skip
    home.chmod(0o711)  # who connects reads the certificate
    file.chmod(0o644)
    return file


def start_postgresql(home: Path, port: int, password: str) -> None:
    initdb, control = programs(POSTGRESQL)
    words, data = home / "password", home / "data"
    words.write_text(password + "\n", encoding="utf-8")
    words.chmod(0o644)
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c max_connections=50"
    options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    if certified := certificate(POSTGRESQL, home):
        options += f" -c ssl=on -c ssl_cert_file={certified} -c ssl_key_file={home}/key.pem"
    run(
        POSTGRESQL,
        [initdb, "-D", data, "-U", USER, "--pwfile", words, "-A", "scram-sha-256", "-N",
         "-E", "UTF8", "--locale=C.UTF-8"],
    )  # fmt: skip
    log = home / "log"
    run(POSTGRESQL, [control, "-D", data, "-w", "-t", SECONDS, "-l", log, "-o", options, "start"])


def start_mariadb(home: Path, port: int, password: str) -> None:
    install, server = programs(MARIADB)
    data, first, certified = home / "data", home / "first.sql", certificate(MARIADB, home)
    run(
        MARIADB,
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
         "--skip-test-db"],
    )  # fmt: skip
    first.write_text(
        f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n",
        encoding="utf-8",
    )
    first.chmod(0o644)
    command = as_account(MARIADB, [
        server, "--no-defaults", f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1",
        f"--socket={home}/socket", f"--pid-file={home}/mariadb.pid", f"--init-file={first}",
        "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
        "--character-set-server=utf8mb4", f"--log-error={home}/log.err",
        *([f"--ssl-cert={certified}", f"--ssl-key={home}/key.pem"] if certified else ()),
    ])  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
    )  # fmt: skip
    wait_for(process, port, home / "log.err")


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody answers: a server of MySQL's kind speaks first."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            if one.recv(1):
                return
        time.sleep(0.1)
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    raise RuntimeError(f"MariaDB doesn't answer:\n{text}")


def as_account(server: Server, command: Sequence[object]) -> list[str]:
    """The command, run by the server's own user where this is root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", server.account, "--", *words] if os.geteuid() == 0 else words


def run(server: Server, command: Sequence[object]) -> None:
    """Run a command to its end. Its output goes to a file: a daemon would hold a pipe open."""
    with tempfile.TemporaryFile() as file:
        done = subprocess.run(
            as_account(server, command), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            check=False, timeout=SECONDS * 2, cwd="/",
        )  # fmt: skip
        if done.returncode:
            file.seek(0)
            text = file.read().decode("utf-8", "replace")
            raise RuntimeError(f"{Path(str(command[0])).name} failed:\n{text}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def main(arguments: Sequence[str]) -> int:
    """Start or stop all servers."""
    action, folder = arguments[0], Path(arguments[1]).resolve()
    if action == "stop":
        stop(folder)
        return 0
    if action == "watch":
        watch(folder, int(arguments[2]))
        return 0
    for server in SERVERS.values():
        if not programs(server):
            print(f"{server.name} isn't installed: {server.package}", file=sys.stderr)
            return 1
        print(f"{server.variable}={start(server, folder)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
