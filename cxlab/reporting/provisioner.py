"""Kernels that are ready at once: a provisioner for jupyter_client that forks them from a loaded server."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Unicode

#: The name under which pyproject.toml registers :class:`ForkProvisioner` with jupyter_client.
NAME: Final = "cxlab-fork"
_GROUP: Final = "jupyter_client.kernel_provisioners"
_SCRIPT: Final = Path(__file__).with_name("fork_server.py")
_LONGEST_ANSWER: Final = 4096
_ENDED: Final = 1


def available() -> bool:
    """Whether kernels can be forked here: Linux, and the provisioner registered by the installation."""
    return sys.platform == "linux" and bool(entry_points(group=_GROUP, name=NAME))


class ForkedProcess:
    """A forked kernel with the few members of ``subprocess.Popen`` that jupyter_client asks for.

    The kernel is a child of the server, so its exit code is not known here; ``poll`` returns 1 once it has
    ended, however it ended. A descriptor of the process, not its number, tells: a number may be used again.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self._handle = handle

    def poll(self) -> int | None:
        """None while the kernel runs."""
        return _ENDED if select.select([self._handle], [], [], 0)[0] else None

    def wait(self) -> int:
        """Block until the kernel has ended."""
        select.select([self._handle], [], [])
        return _ENDED

    def send_signal(self, signum: int) -> None:
        """Send ``signum``; nothing happens if the kernel has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signum)

    def kill(self) -> None:
        """End the kernel and what it started, now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._handle)


class ForkServer:
    """The process behind forked kernels: started on first use, ended with :meth:`close` or with its owner.

    Parameters
    ----------
    environment
        Added to the environment of the server, before any library is loaded there: thread limits of BLAS
        are read once.
    """

    #: Servers by the token that a kernel specification carries; a provisioner is made from plain settings.
    running: Final[dict[str, ForkServer]] = {}

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._given_up = False
        self.token = f"{os.getpid()}-{id(self)}"
        self.running[self.token] = self

    def fork(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: str, said: str
    ) -> Any:
        """A kernel as ``command`` would start it, or None where only the plain way will do.

        ``said`` is the file for what the kernel writes past its notebook.
        """
        arguments = _arguments_of_kernel(command)
        with self._lock:
            if arguments is None or self._given_up:
                return None
            try:
                channel = self._channel or self._start()
                request = {"arguments": arguments, "env": dict(environment), "cwd": folder, "said": said}
                channel.sendall(json.dumps(request).encode())
                answer, handles, _, _ = socket.recv_fds(channel, _LONGEST_ANSWER, 1)
                return ForkedProcess(int(json.loads(answer)["pid"]), handles[0])
            except (OSError, ValueError, IndexError):
                self._end()
                return None

    def close(self) -> None:
        """End the server and every kernel that it made."""
        self.running.pop(self.token, None)
        with self._lock:
            self._end()

    def _start(self) -> socket.socket:
        """The channel to a new server, once that says it can fork; OSError if it cannot."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._channel = ours
            self._process = subprocess.Popen(
                [sys.executable, str(_SCRIPT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        answer = ours.recv(_LONGEST_ANSWER)
        if not answer or not json.loads(answer)["ready"]:
            raise OSError("a library started a thread while it was loaded, so a fork would not be safe")
        return ours

    def _end(self) -> None:
        self._given_up = True
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._channel = self._process = None


class ForkProvisioner(LocalProvisioner):
    """Forks kernels from the server that the kernel specification names, else starts them the plain way."""

    #: The token of the server, from the kernel specification.
    server = Unicode("")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel; every other duty of a provisioner is inherited."""
        server = ForkServer.running.get(self.server)
        environment = kwargs.get("env") or os.environ
        folder = str(kwargs.get("cwd") or Path.cwd())
        said = getattr(kwargs.get("stderr"), "name", os.devnull)
        process = server.fork(cmd, environment=environment, folder=folder, said=said) if server else None
        if process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process
        # The kernel leads its own group from its first moment on.
        self.pid = self.pgid = process.pid
        self.cwd = folder
        return self.connection_info


def _arguments_of_kernel(command: Sequence[str]) -> list[str] | None:
    """``["ipykernel_launcher", "-f", ...]`` of a command that starts ipykernel in this interpreter."""
    if not command or Path(command[0]) != Path(sys.executable) or "-m" not in command:
        return None
    arguments = list(command[command.index("-m") + 1 :])
    return arguments if arguments[:1] == ["ipykernel_launcher"] else None
