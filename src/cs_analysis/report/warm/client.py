"""What a batch holds of the parent of warm kernels: a private socket to ask it for forks, and one to each kernel's fate."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

BATCH_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
}
START_SECONDS = 120  # on a machine with much else to do
FORK_SECONDS = 30
_PARENT = (str(Path(__file__).with_name("parent.py")),)  # as a file, so that it can take itself off the places to import from
_WITH_ITS_OWN_VALUE = ("MPLBACKEND", "TMPDIR")  # read anew by each kernel, so not to be settled by the parent's imports


class WarmParent:
    """The parent process as seen by the process that wants kernels; it starts with the first one, and ends when this one does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.refused = ""

    @property
    def pid(self) -> int | None:
        """Process id, once it has started."""
        return self._process.pid if self._process else None

    def fork(self, command: Sequence[str], *, env: Mapping[str, str], cwd: str, streams: tuple[int, int]) -> ForkedKernel:
        """Return a kernel forked to run as `command` would, with stdout and stderr going to `streams`.

        Raises
        ------
        OSError
            There is no parent, or it cannot fork.
        """
        with self._lock:
            control = self._started()
        ours, theirs = socket.socketpair()
        order = json.dumps({"command": list(command), "env": dict(env), "cwd": cwd}).encode()
        with theirs:
            socket.send_fds(control, [order], [theirs.fileno(), *streams])
        return ForkedKernel(ours)

    def close(self) -> None:
        """End the parent and with it every kernel that is left; wait until they are gone."""
        with self._lock:
            control, self._control = self._control, None
            self.refused = "it was closed"
        if control is not None and self._process is not None:
            control.close()
            self._process.wait()

    def _started(self) -> socket.socket:
        """Return the socket to the parent, which is started if it was not; one that failed is not tried again."""
        if self.refused:
            raise ConnectionError(self.refused)
        if self._control is None:
            try:
                self._process, self._control = _start()
            except OSError as error:
                self.refused = str(error) or type(error).__name__
                raise
        return self._control


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the parent and return it with the socket to it, when all is imported."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    inherited = {name: value for name, value in os.environ.items() if name not in _WITH_ITS_OWN_VALUE}
    command = [sys.executable, *_PARENT, str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env={**inherited, **BATCH_ENVIRONMENT}, cwd="/", stdin=subprocess.DEVNULL, start_new_session=True
        )
    ours.settimeout(START_SECONDS)
    with suppress(OSError):
        if ours.recv(16):
            ours.settimeout(None)
            return process, ours
    ours.close()
    process.kill()
    raise ConnectionError(f"the process to fork from ended while it started (exit code {process.wait()})")


class ForkedKernel:
    """A forked kernel with as much of `Popen` as a kernel provisioner uses. Signals go through the parent, which alone knows that the id is still its."""

    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket) -> None:
        self.returncode: int | None = None
        self._channel, self._heard = channel, b""
        channel.settimeout(FORK_SECONDS)
        self.pid = int(self._line() or -1)
        channel.settimeout(None)
        if self.pid < 0:
            channel.close()
            raise ConnectionError("the process to fork from did not fork")

    def poll(self) -> int | None:
        """Return the exit code (a signal's number with a minus sign), or nothing as long as the kernel runs."""
        if self.returncode is None:
            self._channel.setblocking(False)
            with suppress(BlockingIOError):
                self._finish(self._line())
        return self.returncode

    def wait(self) -> int:
        """Wait for the kernel to end and return its exit code."""
        if self.returncode is None:
            self._channel.setblocking(True)
            self._finish(self._line())
        return self.returncode if self.returncode is not None else -signal.SIGKILL

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and what it started."""
        with suppress(OSError):  # it has ended
            self._channel.send(bytes([number]))

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _line(self) -> str:
        """Return the next line of the parent's; nothing if it has no more to say."""
        while b"\n" not in self._heard:
            try:
                piece = self._channel.recv(64)
            except ConnectionError:
                piece = b""
            if not piece:
                return ""
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def _finish(self, code: str) -> None:
        """Note the exit code; a kernel whose parent is gone went with it."""
        self.returncode = int(code) if code else -signal.SIGKILL
        self._channel.close()
