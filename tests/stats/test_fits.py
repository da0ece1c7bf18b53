"""What all fits share: a frozen record and a table of checks."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table


def test_checks_keep_their_order() -> None:
    found = diagnostics_table([Diagnostic("gradient", 1e-15), Diagnostic("m", 2.0, "not identified", "Wait.")])
    assert found.to_numpy().tolist() == [["gradient", 1e-15, "ok", ""], ["m", 2.0, "not identified", "Wait."]]
    assert list(found.columns) == ["check", "value", "finding", "what_to_do"]


def test_no_check_is_an_empty_table() -> None:
    assert diagnostics_table([]).shape == (0, 4)


def test_a_fit_is_frozen() -> None:
    empty = pd.DataFrame()
    fit = Fit(coefficients=empty, covariance=empty, log_likelihood=np.nan, converged=True, diagnostics=empty)
    with pytest.raises(FrozenInstanceError):
        fit.converged = False  # type: ignore[misc]
