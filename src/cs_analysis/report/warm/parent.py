"""The process that warm kernels are forked from. It imports what reports need, keeps to one thread, and waits for orders on a socket.

Usage: python parent.py DESCRIPTOR

An order is one packet: command, environment and working directory as JSON, and three descriptors, a channel and the kernel's stdout
and stderr. On the channel go the kernel's id and later its exit code one way, and signals for it, a byte each, the other way. When
whoever gives orders is gone, so are the kernels and this process; if this process is killed, the system kills the kernels.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pkgutil
import random
import selectors
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

# Importing these starts no thread. Nothing here may use them: threads of OpenMP and open databases do not survive a fork.
LIBRARIES = (
    "IPython.core.completer",
    "IPython.core.pylabtools",
    "babel.numbers",
    "cs_analysis.report.page",
    "cs_analysis.report.warm.pipe",
    "duckdb",
    "formulaic",
    "ibis.backends.duckdb",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipykernel_launcher",
    "lifelines",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "pyarrow.parquet",
    "scipy.stats",
)
ROOMS = ("data", "stats", "facts", "metrics", "show")
_LONGEST_ORDER = 1 << 20
_PR_SET_PDEATHSIG = 1
_COLUMNS_OUTSIDE_TERMINALS = 20
_FIRST_TO_GO = b"500"  # when memory runs out, a kernel goes before its parent and the batch


def main(descriptor: int) -> None:
    """Import, and hand out forks until the socket closes; in a fork, be the kernel."""
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of this file, from which nothing is to be imported
    with socket.socket(fileno=descriptor) as control:
        for name in (*LIBRARIES, *_own_modules()):
            import_module(name)
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - a fork would lose the other threads, and what they hold stays held
            sys.exit("the process to fork from must have one thread; something that was imported has started others")
        gc.collect()
        gc.freeze()
        control.send(b"ready")
        order = Nursery(control).serve()
    if order is None:
        os._exit(0)  # nothing here needs clearing up
    become_kernel(order)


def _own_modules() -> list[str]:
    """Return the names of the package's own modules below its rooms, without this one."""
    package = import_module("cs_analysis")
    rooms = [f"{package.__path__[0]}/{room}" for room in ROOMS]
    names = [module.name for room in rooms for module in pkgutil.iter_modules([room], f"cs_analysis.{Path(room).name}.")]
    return [name for name in names if not name.endswith(".warm")]


class Nursery:
    """The loop that forks kernels, passes signals on to them, and tells how they ended."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.kernels: dict[int, socket.socket] = {}
        self.selector = selectors.PollSelector()  # nothing in it that a fork would share
        self.waking, waker = socket.socketpair()
        self.waker = waker
        for end in (self.waking, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(control, selectors.EVENT_READ)
        self.selector.register(self.waking, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any] | None:
        """Return an order in the fork that shall carry it out, and nothing in the parent, once nobody gives orders any more."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.waking:
                    self._reap()
                elif key.data is not None:
                    self._pass_on(key.data)
                else:
                    order, descriptors = self._received()
                    if not order:
                        self._end()
                        return None
                    if self._forked(descriptors):
                        return order

    def _received(self) -> tuple[dict[str, Any] | None, list[int]]:
        try:
            packet, descriptors, _, _ = socket.recv_fds(self.control, _LONGEST_ORDER, 3)
        except ConnectionError:
            packet, descriptors = b"", []
        return (json.loads(packet) if packet else None), list(descriptors)

    def _forked(self, descriptors: list[int]) -> bool:
        """Fork, and return whether this is the fork."""
        channel, *streams = descriptors
        pid = -1
        with suppress(OSError):  # no more processes or memory: the channel closes without an id
            pid = os.fork()
        if pid == 0:
            self._settle(channel, streams)
            return True
        for stream in streams:
            os.close(stream)
        if pid < 0:
            os.close(channel)
            return False
        self.kernels[pid] = socket.socket(fileno=channel)
        self.kernels[pid].send(b"%d\n" % pid)
        self.selector.register(self.kernels[pid], selectors.EVENT_READ, data=pid)
        return False

    def _settle(self, channel: int, streams: list[int]) -> None:
        """Make a fork a process of its own: its own session and streams, none of the sockets, and no longer alive than its parent."""
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
        for descriptor in (channel, *streams):
            os.close(descriptor)
        for end in (self.control, self.waking, self.waker, *self.kernels.values()):
            end.close()
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_bytes(_FIRST_TO_GO)

    def _pass_on(self, pid: int) -> None:
        """Send a kernel the signals that came for it; one that nobody holds any more is killed."""
        if pid not in self.kernels:
            return  # reaped in this same round
        try:
            numbers = self.kernels[pid].recv(16)
        except ConnectionError:
            numbers = b""
        for number in numbers or [signal.SIGKILL]:
            _signal(pid, number)
        if not numbers:
            self.selector.unregister(self.kernels[pid])

    def _reap(self) -> None:
        """Take leave of the kernels that have ended, kill what they left running, and tell."""
        with suppress(BlockingIOError):
            self.waking.recv(4096)
        while self.kernels:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self._tell(pid, os.waitstatus_to_exitcode(status))

    def _tell(self, pid: int, code: int) -> None:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        channel = self.kernels.pop(pid)
        with suppress(KeyError):
            self.selector.unregister(channel)
        with channel, suppress(OSError):
            channel.send(b"%d\n" % code)

    def _end(self) -> None:
        """Kill all kernels and wait for them."""
        for pid in self.kernels:
            _signal(pid, signal.SIGKILL)
        for pid in self.kernels:
            os.waitpid(pid, 0)


def _signal(pid: int, number: int) -> None:
    """Send a signal to a kernel's group, or to itself if it has not made one yet; not reaped, it still has its id."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        os.kill(pid, number)


def become_kernel(order: dict[str, Any]) -> None:
    """Run the kernel of an order in this process, which differs from a new one in what it need not import any more."""
    import ipykernel_launcher  # noqa: PLC0415 - these are there by now
    import matplotlib as mpl  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from ipykernel import kernelapp  # noqa: PLC0415

    from cs_analysis.report.warm.pipe import PrivateIOPubThread  # noqa: PLC0415

    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"], JPY_PARENT_PID=str(os.getppid()))
    _start_afresh()
    sys.argv = [ipykernel_launcher.__file__, *order["command"][3:]]
    vars(kernelapp)["IOPubThread"] = PrivateIOPubThread
    app = kernelapp.IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(sys.argv[1:])  # type: ignore[no-untyped-call]
    mpl.rcParams["backend"] = os.environ["MPLBACKEND"]  # as importing it now would; set by the kernel, and needs its shell
    pd.set_option("display.max_columns", _COLUMNS_OUTSIDE_TERMINALS)  # pandas, too, looks for a shell when it is imported
    app.start()  # type: ignore[no-untyped-call]


def _start_afresh() -> None:
    """Forget what the parent worked out from its own environment, and its random numbers, which all forks would share."""
    import numpy as np  # noqa: PLC0415

    tempfile.tempdir = None
    time.tzset()
    random.seed()
    np.random.seed()  # the old generator, of which notebooks of others may make use


if __name__ == "__main__":
    main(int(sys.argv[1]))
