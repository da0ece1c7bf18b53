"""Shares of each state, with limits by row."""

from __future__ import annotations

import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.transitions import transition_shares

MOVES = pd.DataFrame({"from": ["A", "A", "B", "B", "C"], "to": ["A", "B", "A", "B", "A"], "count": [8, 2, 0, 5, 0]})


def test_shares_are_of_the_state_left_and_have_wilson_limits() -> None:
    told = transition_shares(MOVES)
    assert told["n"].tolist() == [10, 10, 5, 5, 0]
    assert told["estimate"].tolist()[:4] == [0.8, 0.2, 0.0, 1.0]
    assert told.loc[0, ["conf_low", "conf_high"]].tolist() == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert told.loc[2, "conf_high"] == pytest.approx(3.841459 / 8.841459, abs=1e-6)  # none of 5: z^2 / (n + z^2)
    assert told.loc[4, ["estimate", "conf_low", "conf_high"]].isna().all()


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(MissingColumnsError):
        transition_shares(MOVES.drop(columns="count"))
    with pytest.raises(ParameterError, match="row 0"):
        transition_shares(MOVES.assign(count=-1))
    with pytest.raises(ParameterError, match="repeats"):
        transition_shares(pd.concat([MOVES, MOVES], ignore_index=True))
