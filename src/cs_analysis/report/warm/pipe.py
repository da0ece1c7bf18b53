"""The way from processes that a notebook forks to its outputs: a socket in the kernel's private folder instead of an open port."""

from __future__ import annotations

import os
from typing import Any

import zmq
from ipykernel.iostream import IOPubThread
from zmq.eventloop.zmqstream import ZMQStream

_OWN_FILES = "ipc://"


class PrivateIOPubThread(IOPubThread):
    """The thread that publishes outputs, with the pipe for forked processes beside the kernel's other sockets, if those are files."""

    _place = ""

    def _setup_pipe_in(self) -> None:
        published = self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        if not published.startswith(_OWN_FILES):
            super()._setup_pipe_in()  # type: ignore[no-untyped-call]
            return
        self._place, self._pipe_uuid = f"{published}-forks", os.urandom(16)
        pipe = self.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(self._place)
        self._pipe_in = ZMQStream(pipe, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> Any:
        if not self._place:
            return super()._setup_pipe_out()  # type: ignore[no-untyped-call]
        context: zmq.Context[Any] = zmq.Context()  # a fork must have its own
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000
        pipe.connect(self._place)
        return context, pipe
