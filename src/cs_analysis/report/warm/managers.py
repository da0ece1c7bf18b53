"""What starts kernels for papermill, nbclient and nbval: forked ones where it can, new processes elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from weakref import WeakSet

from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from cs_analysis.report.warm import LOG, shared_parent

_LAUNCHER = ["-m", "ipykernel_launcher"]
_INHERITED = {"stdout": 1, "stderr": 2}
_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id", "independent"}


class WarmProvisioner(LocalProvisioner):
    """A provisioner that forks kernels of this very Python from the shared parent, and starts others, or without one, as new processes."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel and return its connection."""
        parent = shared_parent()
        if parent is None or parent.refused or not _can_be_forked(cmd, kwargs):
            return await super().launch_kernel(cmd, **kwargs)
        try:
            self.process = _forked(parent, cmd, kwargs)
        except OSError as error:
            LOG.warning("kernels start cold: %s", error)
            parent.refused = parent.refused or str(error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid, self.cwd = self.process.pid, kwargs.get("cwd")
        return self.connection_info


def _can_be_forked(cmd: list[str], kwargs: dict[str, Any]) -> bool:
    ours = os.path.realpath(cmd[0]) == os.path.realpath(sys.executable) and cmd[1:3] == _LAUNCHER
    return ours and set(kwargs) <= _KNOWN and subprocess.PIPE not in (kwargs.get("stdout"), kwargs.get("stderr"))


def _forked(parent: Any, cmd: list[str], kwargs: dict[str, Any]) -> Any:
    """Return a kernel forked as `Popen` would start it."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a name of the system's, not a path
        streams = [_descriptor(kwargs.get(name), nowhere, inherited=number) for name, number in _INHERITED.items()]
        cwd = os.path.abspath(kwargs.get("cwd") or os.getcwd())  # noqa: PTH100, PTH109 - given as text or path, used as text
        return parent.fork(cmd, env=kwargs["env"], cwd=cwd, streams=(streams[0], streams[1]))


def _descriptor(stream: Any, nowhere: IO[bytes], *, inherited: int) -> int:
    """Return the descriptor of a stream given as `Popen` takes it."""
    if stream is None:
        return inherited
    if stream == subprocess.DEVNULL:
        return nowhere.fileno()
    return stream if isinstance(stream, int) else int(stream.fileno())


class Running:
    """The kernels of a batch that are running, so that breaking it off can end them."""

    def __init__(self) -> None:
        self._managers: WeakSet[KernelManager] = WeakSet()
        self.stopped = False

    def add(self, manager: KernelManager) -> None:
        """Take in a kernel that was just started."""
        self._managers.add(manager)
        if self.stopped:
            self.stop()

    def stop(self) -> None:
        """End all kernels, those of now and those that are starting."""
        self.stopped = True
        for manager in list(self._managers):
            process = getattr(manager.provisioner, "process", None)
            if process is not None:
                process.kill()


class _Warm(KernelManager):
    """A kernel manager that forks its kernels if it can, and talks to them over sockets in a private folder."""

    environment: Mapping[str, str] = {}
    cwd: str | None = None
    running = Running()

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = WarmProvisioner(kernel_spec=self.kernel_spec, parent=self)
        kwargs["env"] = {**(kwargs.get("env") or os.environ), **self.environment}
        kwargs["cwd"] = kwargs.get("cwd") or self.cwd
        return await super()._async_pre_start_kernel(**kwargs)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kwargs: Any) -> None:
        await super()._async_launch_kernel(kernel_cmd, **kwargs)
        self.running.add(self)


def manager_class(*, sockets: str, cwd: Path, environment: Mapping[str, str], running: Running | None = None) -> type[AsyncKernelManager]:
    """Return the kernel manager of one notebook, as a class because nbclient takes it so: what would else be the process's is the kernel's alone.

    The kernel's sockets go to the folder `sockets`, it starts in `cwd` with `environment` beside ours, and `running` can end it.
    """

    class Manager(_Warm, AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(transport="ipc", ip=f"{sockets}/k", **kwargs)

    Manager.cwd, Manager.environment, Manager.running = str(cwd), environment, running or Running()
    return Manager


class BlockingManager(_Warm):
    """The kernel manager of nbval; it brings its own private folder for the sockets."""

    def __init__(self, **kwargs: Any) -> None:
        self._sockets = tempfile.TemporaryDirectory(prefix="cs-")
        super().__init__(transport="ipc", ip=f"{self._sockets.name}/k", **kwargs)

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            self._sockets.cleanup()
