"""A process with the heavy libraries loaded that makes kernels by forking; run as a script, never imported.

It loads third-party libraries only, never cxlab: a kernel must see the package as it is on disk. It holds
one thread and no open connection, so a fork is safe; where a library starts a thread while it loads, the
server says so and ends, and kernels start the plain way.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import time
from typing import Any

#: What nearly every report imports. ``matplotlib_inline`` is left out on purpose: it must hook into the
#: shell of its own kernel, or every figure is lost without an error.
PRELOADED = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "scipy.optimize",
    "scipy.stats",
    "matplotlib.pyplot",
    "seaborn",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    # What every kernel, figure or table loads on its way; the debugger alone is a tenth of a second.
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.pylabtools",
    "IPython.extensions.storemagic",
    "sqlite3",
    "stringprep",
    "encodings.idna",
    "matplotlib.backends.backend_agg",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "pandas.core.methods.to_dict",
    "pandas.io.formats.html",
    "pandas.io.formats.string",
    "pyarrow.pandas_compat",
    "tornado.platform.asyncio",
    "tornado.queues",
)
_OF_THE_DEBUGGER = "PYDEVD_"
_LONGEST_REQUEST = 1 << 20
#: What pandas chooses when it is imported in a notebook.
_COLUMNS_IN_A_KERNEL = 20
_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(descriptor: int) -> None:
    """Serve requests on the socket until its other end is closed; kernels end with the server."""
    # The folder of this script is no place to import from.
    del sys.path[0]
    given = set(os.environ)
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    # What the debugger notes in the environment as it loads stands there in every kernel.
    new = [name for name in os.environ if name.startswith(_OF_THE_DEBUGGER) and name not in given]
    noted = {name: os.environ[name] for name in new}
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=descriptor) as channel:
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - nothing but os is needed here
        _send(channel, {"ready": threads == 1, "threads": threads})
        if threads != 1:
            return
        # Not SIG_IGN: the times of ended kernels would count for nobody.
        signal.signal(signal.SIGCHLD, _collect)
        while request := channel.recv(_LONGEST_REQUEST):
            child = os.fork()
            if child == 0:
                channel.close()
                _become_kernel(json.loads(request), noted)
            handle = os.pidfd_open(child)
            socket.send_fds(channel, [json.dumps({"pid": child}).encode()], [handle])
            os.close(handle)


def _collect(number: int, frame: Any) -> None:
    """Take leave of every kernel that has ended; who waits for one holds a descriptor of its process."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.sendall(json.dumps(message).encode())


def _become_kernel(request: dict[str, Any], noted: dict[str, str]) -> None:
    """In the child: the state of a new interpreter, as far as a notebook can tell, then ipykernel."""
    server = os.getppid()
    os.setsid()
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update({**request["env"], **noted, "JPY_PARENT_PID": str(server)})
    os.chdir(request["cwd"])
    said = os.open(request["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    # A descriptor of its own: ipykernel puts a pipe in the place of the second one.
    faulthandler.enable(said)
    time.tzset()
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "matplotlib" in sys.modules and "MPLBACKEND" in os.environ:
        sys.modules["matplotlib"].rcParams["backend"] = os.environ["MPLBACKEND"]
    if "pandas" in sys.modules:
        # Loaded without a kernel around it, pandas takes itself for a terminal and shows fewer columns.
        sys.modules["pandas"].set_option("display.max_columns", _COLUMNS_IN_A_KERNEL)
    module, *arguments = request["arguments"]
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # Exit functions, but no tearing down of the modules: the frozen objects of the server would be
        # taken for leaks, and said so on the terminal.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
    os._exit(0)
