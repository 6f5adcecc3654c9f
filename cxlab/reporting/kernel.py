"""The kernel of a report: this very interpreter, one thread, no user settings, no open port."""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, Final

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


class KernelSet:
    """Starts kernels and can end all that still run, from another thread, when a batch is interrupted."""

    def __init__(self) -> None:
        self._managers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def manager_class(self, folder: Path) -> type:
        """A class of manager for one kernel whose connection file, sockets and settings lie in ``folder``.

        A class, not a manager: nbclient ends the kernel only of a manager that it made itself.
        """
        from jupyter_client.manager import AsyncKernelManager

        remember = self._remember
        settings = {
            "kernel_spec_manager": _this_interpreter(folder),
            # Sockets in a private folder: no port that two reports could fight for, nothing on the network.
            "transport": "tcp" if sys.platform == "win32" else "ipc",
            "connection_file": str(folder / "kernel.json"),
        }

        class PrivateKernelManager(AsyncKernelManager):
            def __init__(self, **given: Any) -> None:
                super().__init__(**{**given, **settings})
                remember(self)

        return PrivateKernelManager

    def _remember(self, manager: Any) -> None:
        with self._lock:
            self._managers.add(manager)

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


def _this_interpreter(folder: Path) -> Any:
    """A kernel-spec manager that knows one kernel: ipykernel of the interpreter that runs now.

    A ``python3`` kernel registered by a user may belong to another environment; it is never asked.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    # jupyter_client interrupts an idle kernel before it ends it, and the kernel would log that as an error.
    quiet = get_kernel_dict(extra_arguments=["--IPKernelApp.log_level=50"])
    spec = KernelSpec(**quiet, env={**KERNEL_ENVIRONMENT, "IPYTHONDIR": str(folder)})

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return spec

    return ThisInterpreter()
