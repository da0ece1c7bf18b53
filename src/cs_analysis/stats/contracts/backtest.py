"""The last renewals hidden from the model: what it would have said of them, beside two forecasts without a model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.contracts.forecasts import number_table
from cs_analysis.stats.contracts.retained import Retained, read_retained
from cs_analysis.stats.contracts.search import Fitted, checks, design_of, fitted_at, search
from cs_analysis.stats.estimates import estimates, stack

NAIVE = ("constant_rate", "last_rate")


def hidden_renewals(fitted: Fitted, hidden: int | None, *, conf_level: float) -> pd.DataFrame:
    """Return one row a cohort and hidden renewal: what came, the model's forecast with limits, and the naive ones."""
    known, hide = _known_part(fitted, hidden)
    past = read_retained(known, cohort=fitted.data.keys or None, covariates=fitted.data.covariates or None)
    later = _came(fitted.data, hide)
    rows = [*fitted.data.keys, "period"]
    said, status = _said(fitted, past, later, conf_level=conf_level)
    return (
        later.merge(_naive(past, later), on=rows)
        .merge(said, on=rows, how="left")
        .assign(status=status)[[*fitted.data.keys, "origin", "period", "retained", fitted.model.name, "conf_low", "conf_high", *NAIVE, "status"]]
    )


def _known_part(fitted: Fitted, hidden: int | None) -> tuple[pd.DataFrame, int]:
    data, fewest = fitted.data, len(fitted.model.terms)
    if hidden is not None and (isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 1):
        raise ParameterError(f"hidden must be a whole number of renewals from 1, not {hidden!r}.")
    hide = max(1, data.last // 3) if hidden is None else hidden
    if data.last - hide < fewest:
        raise NotEnoughDataError(
            f"with {hide} of {data.last} renewals hidden, {max(data.last - hide, 0)} are left, and {fitted.model.name} needs {fewest}. Hide fewer, or wait."
        )
    return data.table(until=data.cohorts["_last"].to_numpy("float64") - hide), hide


def _came(data: Retained, hide: int) -> pd.DataFrame:
    """Return what came in the hidden renewals of the cohorts that had begun; those who were gone by then are no test and are left out."""
    last = data.cohorts["_last"].to_numpy()
    table = data.table(until=last.astype("float64"))
    ends = data.cohorts[data.keys].assign(origin=last - hide) if data.keys else pd.DataFrame({"origin": last - hide})
    joined = table.merge(ends, on=data.keys) if data.keys else table.assign(origin=ends["origin"].iloc[0])
    return joined[(joined["period"] > joined["origin"]) & (joined["origin"] >= 0)].reset_index(drop=True)


def _naive(past: Retained, later: pd.DataFrame) -> pd.DataFrame:
    """Return what a constant renewal rate, and the rate of the last known renewals, would have said."""
    steps = past.steps
    latest = steps[steps["renewal"].to_numpy() == past.cohorts["_last"].to_numpy()[steps["cohort"]]]
    rates = [part["kept"].sum() / (part["kept"] + part["lost"]).sum() for part in (steps, latest)]
    left = past.cohorts[past.keys].assign(left=past.cohorts["_left"]) if past.keys else None
    base = later[past.keys].merge(left, on=past.keys, how="left")["left"] if left is not None else past.cohorts["_left"].iloc[0]
    ahead = (later["period"] - later["origin"]).to_numpy()
    said = {name: np.asarray(base, dtype="float64") * rate**ahead for name, rate in zip(NAIVE, rates, strict=True)}
    return later[[*past.keys, "period"]].assign(**said)


def _said(fitted: Fitted, past: Retained, later: pd.DataFrame, *, conf_level: float) -> tuple[pd.DataFrame, str]:
    """Return the model's forecasts, and whether it was identified, not identified or had no maximum."""
    columns = [*past.keys, "period", "estimate", "conf_low", "conf_high"]
    design = design_of(past, fitted.model)
    try:
        optimum = search(past, fitted.model, design)
    except (ConvergenceError, NotEnoughDataError):
        return pd.DataFrame(columns=columns).rename(columns={"estimate": fitted.model.name}).astype({"period": "int64"}), "no maximum"
    at = fitted_at(optimum, past, fitted.model, design=design)
    sound = all(check.finding == "ok" for check in checks(optimum, at))
    wanted = np.unique(later["period"].to_numpy("float64"))
    table = number_table(at, wanted, conf_level=conf_level)[columns].rename(columns={"estimate": fitted.model.name})
    return table, "identified" if sound else "not identified"


def error_ratios(tested: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the mean absolute error of the model's forecasts over that of each naive one."""
    compared = tested.dropna(subset=[model])
    errors = {name: float((compared[name] - compared["retained"]).abs().mean()) if len(compared) else np.nan for name in (model, *NAIVE)}
    parts = [
        estimates(
            {"against": [name]},
            metric="forecast_error_ratio",
            unit="ratio",
            estimate=[errors[model] / errors[name] if errors[name] else np.nan],
            n=len(compared),
        )
        for name in NAIVE
    ]
    return stack(parts)
