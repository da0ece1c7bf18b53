"""What the tests of figures share."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def _no_figure_is_open_before_or_after() -> Iterator[None]:
    plt.close("all")  # of another test
    yield
    plt.close("all")
