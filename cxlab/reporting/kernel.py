"""The kernel of a report: this very interpreter, one thread, no user settings, no open port."""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cxlab.reporting.provisioner import NAME, ForkServer, available

#: Set for every kernel, so that a report is the same on a laptop and on a build machine.
KERNEL_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    # A caller's MPLBACKEND=agg would silence every figure without an error.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}

#: For the process that kernels are forked from: pyarrow's second allocator, which is not used, would start
#: a thread as soon as the library is loaded, and a process with threads must not be forked. The debugger
#: that ipykernel loads would say on the terminal that it may miss breakpoints of Python's own modules.
_SERVER_ENVIRONMENT: Final = {
    **KERNEL_ENVIRONMENT,
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


#: In the private folder of a kernel: what it wrote past its notebook, such as the trace of a crash.
_SAID: Final = "kernel.log"
_LAST_LINES: Final = 100


class KernelSet:
    """Starts kernels and can end all that still run, from another thread, when a batch is interrupted.

    Parameters
    ----------
    fast
        Fork the kernels from a process that has the libraries loaded, where that can be done; else, and
        without it, each kernel is a new interpreter.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self._managers: weakref.WeakSet[Any] = weakref.WeakSet()
        # Reentrant: a signal may come while the main thread holds it.
        self._lock = threading.RLock()
        self._server = ForkServer(_SERVER_ENVIRONMENT) if fast and available() else None
        self.stopped = threading.Event()
        #: How many reports of this process run now.
        self.reports = 0

    def manager_class(self, folder: Path) -> type:
        """A class of manager for one kernel whose connection file, sockets and settings lie in ``folder``.

        A class, not a manager: nbclient ends the kernel only of a manager that it made itself.
        """
        from jupyter_client.manager import AsyncKernelManager

        remember = self._remember
        settings = {
            "kernel_spec_manager": _this_interpreter(folder, self._server),
            # Sockets in a private folder: no port that two reports could fight for, nothing on the network.
            "transport": "tcp" if sys.platform == "win32" else "ipc",
            "connection_file": str(folder / "kernel.json"),
        }

        class PrivateKernelManager(AsyncKernelManager):
            def __init__(self, **given: Any) -> None:
                super().__init__(**{**given, **settings})
                remember(self)

            async def start_kernel(self, **given: Any) -> None:  # type: ignore[override]  # as the class above
                # Else it would write between the lines of the batch, as late as while it ends.
                with (folder / _SAID).open("ab") as said:
                    await super().start_kernel(**{**given, "stdout": said, "stderr": said})

        return PrivateKernelManager

    def _remember(self, manager: Any) -> None:
        with self._lock:
            self._managers.add(manager)

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Count one report while it is made."""
        with self._lock:
            self.reports += 1
        try:
            yield
        finally:
            with self._lock:
                self.reports -= 1

    def close(self) -> None:
        """End the process behind forked kernels; no kernel can be had from here after it."""
        if self._server is not None:
            self._server.close()

    def stop(self) -> None:
        """End every running kernel now; their reports end as failed."""
        self.stopped.set()
        with self._lock:
            managers = list(self._managers)
        for manager in managers:
            process = getattr(manager.provisioner, "process", None)
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()


def last_words(folder: Path) -> str:
    """The last lines that the kernel of ``folder`` wrote past its notebook; empty if it wrote none."""
    try:
        lines = (folder / _SAID).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-_LAST_LINES:])


def _this_interpreter(folder: Path, server: ForkServer | None) -> Any:
    """A kernel-spec manager that knows one kernel: ipykernel of the interpreter that runs now.

    A ``python3`` kernel registered by a user may belong to another environment; it is never asked.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    # jupyter_client interrupts an idle kernel before it ends it, and the kernel would log that as an error.
    quiet = get_kernel_dict(extra_arguments=["--IPKernelApp.log_level=50"])
    if server is not None:
        forked = {"provisioner_name": NAME, "config": {"server": server.token}}
        quiet["metadata"] = {**quiet.get("metadata", {}), "kernel_provisioner": forked}
    spec = KernelSpec(**quiet, env={**KERNEL_ENVIRONMENT, "IPYTHONDIR": str(folder)})

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return spec

    return ThisInterpreter()


#: Of this process: the kernels of each running batch, so that a report can be made by any worker.
_SETS: Final[dict[str, KernelSet]] = {}
_SETS_LOCK: Final = threading.Lock()


def kernels_of(batch: str, *, fast: bool = False) -> KernelSet:
    """The kernels of one batch in this process; the first call of a worker makes them.

    A worker that serves the next batch closes those of the one before.
    """
    with _SETS_LOCK:
        if batch not in _SETS:
            while _SETS:
                _SETS.popitem()[1].close()
            _SETS[batch] = KernelSet(fast=fast)
        return _SETS[batch]


def close_kernels_of(batch: str) -> None:
    """Forget the kernels of a batch that is done."""
    with _SETS_LOCK:
        kernels = _SETS.pop(batch, None)
    if kernels is not None:
        kernels.close()
