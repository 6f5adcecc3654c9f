"""A real PostgreSQL for one test module: on a free loopback port, not run by root, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> tuple[str, str] | None:
    """Paths of ``initdb`` and ``postgres``; None where no server is installed."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    search = os.pathsep.join([os.environ.get("PATH", ""), *places])
    found = shutil.which("initdb", path=search), shutil.which("postgres", path=search)
    return (found[0], found[1]) if found[0] and found[1] else None


def _account() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root, so another account is taken there."""
    if os.getuid():
        return None
    names = [entry.pw_name for entry in pwd.getpwall()]
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


@contextmanager
def postgres() -> Iterator[tuple[int, str]]:
    """Port and password of a fresh server with one account, ``reader``."""
    found = programs()
    if found is None:
        raise FileNotFoundError("no PostgreSQL is installed")
    account, password = _account(), secrets.token_hex(12)
    home = Path(tempfile.mkdtemp(prefix="cxlab-postgres-"))
    (home / "password").write_text(password)
    who = {}
    if account is not None:
        for path in (home, home / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = None
    try:
        subprocess.run(
            [found[0], "-D", home / "data", "-U", "reader", "--auth=scram-sha-256", "-E", "UTF8",
             f"--pwfile={home / 'password'}", "--no-sync", "--locale=C"],
            check=True, capture_output=True, cwd=home, **who,
        )  # fmt: skip
        server = subprocess.Popen(
            [found[1], "-D", home / "data", "-h", "127.0.0.1", "-p", str(port), "-k", home, "-F"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home, **who,
        )  # fmt: skip
        _wait(port, server)
        yield port, password
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # fast shutdown: open connections are cut
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(home, ignore_errors=True)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError("the server stopped while it started")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not answer within 30 s")
