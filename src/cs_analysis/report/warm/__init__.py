"""Kernels that start warm: forked from a process that has imported what reports need.

A kernel of its own costs a notebook three to five CPU seconds of imports; a forked one has them already and shares no state with
any other. `warm_kernels` gives a block of code such a process, `manager_class` is what starts the kernels. On Linux alone, and
not with `CS_ANALYSIS_WARM=0` in the environment; elsewhere, and whenever forking fails, kernels start cold.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cs_analysis.report.warm.client import WarmParent

SWITCH = "CS_ANALYSIS_WARM"
LOG = logging.getLogger("cs_analysis")


class _Shared:
    """The one parent of this process, as long as anybody wants it."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.parent: WarmParent | None = None

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            self.parent = self.parent or WarmParent()

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            parent, self.parent = (None, self.parent) if self.users else (self.parent, None)
        if parent is not None:
            parent.close()


_SHARED = _Shared()


def is_wanted() -> bool:
    """Return whether kernels may be forked here: on Linux, unless the environment says no."""
    return sys.platform == "linux" and os.environ.get(SWITCH, "1") != "0"


def shared_parent() -> WarmParent | None:
    """Return the parent that kernels can be forked from now, or nothing."""
    return _SHARED.parent if is_wanted() else None


@contextmanager
def warm_kernels() -> Iterator[None]:
    """Let kernels start warm within a block; blocks of several threads share one parent, which starts with the first kernel and ends with the last block."""
    _SHARED.enter()
    try:
        yield
    finally:
        _SHARED.leave()
