"""The words of the success map say no more than the figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.report.journey import outlook_words, slowest_words


@pytest.mark.parametrize(
    ("memory", "constant", "told"),
    [
        (0.001, 0.4, ["Time at a stage does matter", "changed is not shown"]),
        (0.4, 0.001, ["matters is not shown", "The rates have changed"]),
        (np.nan, 0.4, ["Too few moves"]),
    ],
)
def test_the_verdict_follows_the_tests(memory: float, constant: float, told: list[str]) -> None:
    names = ["stage_projection_error", "no_memory_p_value", "constant_rates_p_value"]
    words = outlook_words(pd.DataFrame({"metric": names, "estimate": [0.1, memory, constant]}))
    assert all(part in words for part in told)


def test_without_a_known_share_no_stage_is_named() -> None:
    rows = pd.DataFrame({"metric": ["left_before"], "stage": ["one"], "estimate": [np.nan], "conf_low": [np.nan], "conf_high": [np.nan]})
    assert slowest_words(rows) == "No stage has been watched long enough to say where customers leave."
