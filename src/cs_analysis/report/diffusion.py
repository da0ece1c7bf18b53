"""What a Bass curve says about one feature, in a form that a page can always show: a verdict, and what there is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cs_analysis import glossary
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.metrics.diffusion import Released, adopters_by_wait
from cs_analysis.show.style import INK, PALETTE, axes_or_new, figure_style, finish, from_zero
from cs_analysis.stats.bass import BassFit, fit_bass
from cs_analysis.stats.estimates import estimates, stack


@dataclass(frozen=True, eq=False)
class Diffusion:
    """How a feature spreads, as a Bass curve sees it.

    Attributes
    ----------
    verdict : str
        What can be said: how many will ever adopt, that this cannot be known yet, or why there is no curve.
    ceiling : float or str
        The number that will ever adopt where it is known, not below the adopters so far; otherwise `"eligible"`: all accounts.
    coefficients, forecast, errors : DataFrame or None
        p, q and m; adopters by wait, those so far (metric `adopters_by_wait`) and those to come; forecast errors over those of naive
        forecasts. Missing where there is no curve, or too little to look back on.
    """

    verdict: str
    ceiling: float | str = "eligible"
    coefficients: pd.DataFrame | None = None
    forecast: pd.DataFrame | None = None
    errors: pd.DataFrame | None = None

    def draw(self, *, language: str = "en") -> Axes:
        """Return axes with the adopters so far as bars and the curve, with its band, as a line over them.

        Raises
        ------
        NotEnoughDataError
            There is no curve.
        """
        if self.forecast is None:
            raise NotEnoughDataError(self.verdict)
        parts = dict(list(self.forecast.groupby("metric")))
        so_far, curve = parts["adopters_by_wait"], parts["adopters"]
        with figure_style():
            ax = axes_or_new(None)
            ax.bar(so_far["period"], so_far["estimate"], width=0.72, color=PALETTE[0])
            ax.plot(curve["period"], curve["estimate"], color=INK, linewidth=2)
            ax.fill_between(curve["period"], curve["conf_low"], curve["conf_high"], color=INK, alpha=0.15, linewidth=0)
            finish(ax, unit="count", title=glossary.title("new_adopters", language), language=language)
            from_zero(ax, self.forecast)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set_xlabel(glossary.key_label("period", language))
        return ax


def diffusion(ds: Dataset, event: str, *, width: str = "28d", released: Released = None, ahead: int = 3, conf_level: float = 0.95) -> Diffusion:
    """Fit a Bass curve to the adopters of an event by the time since they could adopt, and say what it is worth.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    event : str
        Name of the event.
    width, released
        As for `adopters_by_wait`.
    ahead : int
        How many periods to forecast.
    conf_level : float
        Level of the limits.

    Returns
    -------
    Diffusion
    """
    adopters = adopters_by_wait(ds, event, width=width, released=released)
    try:
        fit = fit_bass(adopters, conf_level=conf_level)
    except (ConvergenceError, NotEnoughDataError) as error:
        return Diffusion(f"There is no Bass curve for {event}: {error}")
    known = np.isfinite(fit.coefficients["conf_high"].iloc[2])
    ceiling = max(float(fit.coefficients["estimate"].iloc[2]), adopters["adopters"].sum()) if known else "eligible"
    return Diffusion(_verdict(fit, event, width), ceiling, fit.coefficients, _forecast(fit, adopters, ahead), _errors(fit, len(adopters)))


def _verdict(fit: BassFit, event: str, width: str) -> str:
    """Return what the fit says about the number of eventual adopters."""
    m = fit.coefficients.iloc[2]
    if np.isfinite(m["conf_high"]):
        return (
            f"If nobody left, about {m['estimate']:,.0f} accounts ({m['conf_low']:,.0f} to {m['conf_high']:,.0f}) would ever adopt {event}; "
            f"adoption is fastest {fit.peak()['estimate'].iloc[0]:.1f} periods of {width} after an account first could."
        )
    why = fit.diagnostics.set_index("check").loc["m", "what_to_do"]
    return f"How many accounts will ever adopt {event} cannot be known yet: {why}"


def _forecast(fit: BassFit, adopters: pd.DataFrame, ahead: int) -> pd.DataFrame:
    """Return the adopters so far and, under another name, those that the curve expects from the first period to the last one forecast."""
    so_far = estimates(adopters[["period"]], metric="adopters_by_wait", unit="count", estimate=adopters["adopters"], n=len(adopters))
    curve = fit.predict(range(1, len(adopters) + ahead + 1))
    return stack([so_far, curve[curve["metric"] == "adopters"]])


def _errors(fit: BassFit, periods: int) -> pd.DataFrame | None:
    """Return how past forecasts compare with naive ones, where there is a past to look back on."""
    if periods <= 5:
        return None
    ratios = fit.forecast_error_ratio()
    return ratios[(ratios["origins"] == "with a curve") & (ratios["n"] > 0)].drop(columns="origins")
