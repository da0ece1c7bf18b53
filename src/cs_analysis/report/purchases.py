"""What orders say about customers without a contract, in a form that a page can always show: a verdict, and what there is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cs_analysis import glossary
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.facts.orders import looks_like_bills
from cs_analysis.metrics.order_forecast import purchase_holdout, purchase_tracking
from cs_analysis.metrics.order_value import buyers_alive, customer_value_list
from cs_analysis.show.style import INK, PALETTE, SMALL_N, axes_or_new, figure_style, finish, from_zero, legend, small_mark
from cs_analysis.stats.estimates import estimates

_DOT: dict[str, Any] = {"linestyle": "", "marker": "o", "color": PALETTE[0]}
_DIAMOND: dict[str, Any] = {"linestyle": "", "marker": "D", "color": INK}


@dataclass(frozen=True, eq=False)
class Purchases:
    """Customers who buy without a contract, as a model of buying sees them.

    Attributes
    ----------
    verdict : str
        What kind of orders these are and how the model did on the past; or why there is no model.
    alive, holdout, tracking, customers : DataFrame or None
        `buyers_alive`, `purchase_holdout`, `purchase_tracking` and `customer_value_list`; missing where there is no model.
    currency : str
        The unit of the customers' values.
    """

    verdict: str
    alive: pd.DataFrame | None = None
    holdout: pd.DataFrame | None = None
    tracking: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    currency: str = "XXX"

    def total(self) -> pd.DataFrame:
        """Return the rows of the hold-out's total."""
        return self._of("total").drop(columns=["part", "level"])

    def compared(self, part: str) -> pd.DataFrame:
        """Return predicted and actual purchases by `frequency` or `decile`."""
        return self._of(part).drop(columns=["part", "method"])

    def errors(self) -> pd.DataFrame:
        """Return the errors of the model and of the naive forecasts, and the calibration line."""
        return pd.concat([self._of("error"), self._of("calibration")], ignore_index=True).drop(columns=["part", "level"])

    def _of(self, part: str) -> pd.DataFrame:
        if self.holdout is None:
            raise NotEnoughDataError(self.verdict)
        return self.holdout[self.holdout["part"] == part].reset_index(drop=True)

    def largest(self, count: int = 10) -> pd.DataFrame:
        """Return the customers with the highest expected value as estimates with the key `account_id`; `n` = repeat purchases so far."""
        if self.customers is None:
            raise NotEnoughDataError(self.verdict)
        top = self.customers.head(count)
        limits = {"estimate": top["value"], "conf_low": top["value_low"], "conf_high": top["value_high"]}
        return estimates(top[["account_id"]], metric="order_value", unit=self.currency, n=top["frequency"], **limits)

    def draw_chances(self, *, language: str = "en") -> Axes:
        """Return axes with the customers in each fifth of the chance to be still there."""
        if self.alive is None:
            raise NotEnoughDataError(self.verdict)
        rows = self.alive[self.alive["metric"] == "buyers_by_chance"]
        with figure_style():
            ax = axes_or_new(None, height=3.0)
            ax.bar(rows["level"], rows["estimate"], width=0.72, color=PALETTE[0])
            finish(ax, unit="count", title=glossary.title("buyers_by_chance", language), language=language)
            from_zero(ax, rows)
        return ax

    def draw_compared(self, part: str, *, language: str = "en") -> Axes:
        """Return axes with predicted purchases a customer, with the range of what may come, and beside each the actual ones."""
        rows = self.compared(part)
        each = rows.assign(**{name: rows[name] / rows["n"] for name in ("estimate", "conf_low", "conf_high")})
        predicted, actual = each[each["metric"] == "purchases"], each[each["metric"] == "purchases_actual"]
        places = np.arange(len(predicted))
        with figure_style():
            ax = axes_or_new(None)
            ax.vlines(places - 0.1, predicted["conf_low"], predicted["conf_high"], color=PALETTE[0], linewidth=3, alpha=0.35)
            for place, row in zip(places, predicted.itertuples(), strict=True):
                face = "white" if row.n < SMALL_N else PALETTE[0]
                ax.plot(place - 0.1, row.estimate, marker="o", markersize=7, markerfacecolor=face, markeredgecolor=PALETTE[0], clip_on=False)
            ax.plot(places + 0.1, actual["estimate"], linestyle="", marker="D", markersize=6, color=INK, clip_on=False)
            ax.set_xticks(places, list(predicted["level"]))
            # Purchases of one customer: a mean, which is no whole number.
            finish(ax, unit="ratio", title=glossary.title("purchases", language), language=language)
            from_zero(ax, each)
            handles = [_mark(metric, language, **look) for metric, look in (("purchases", _DOT), ("purchases_actual", _DIAMOND))]
            legend(ax, [*handles, *([small_mark(language)] if (predicted["n"] < SMALL_N).any() else [])])
        return ax

    def draw_tracking(self, *, language: str = "en") -> Axes:
        """Return axes with the repeat purchases so far, expected with their band and actual, and a dotted line where the time held out begins."""
        if self.tracking is None:
            raise NotEnoughDataError(self.verdict)
        parts = dict(list(self.tracking.groupby("metric")))
        expected, actual = parts["expected_purchases"], parts["purchase_tracking"]
        cut = actual.loc[actual["part"] == "calibration", "time_days"].max()
        with figure_style():
            ax = axes_or_new(None)
            ax.plot(actual["time_days"], actual["estimate"], color=INK, linewidth=2)
            ax.plot(expected["time_days"], expected["estimate"], color=PALETTE[0], linewidth=2, linestyle="--")
            ax.fill_between(expected["time_days"], expected["conf_low"], expected["conf_high"], color=PALETTE[0], alpha=0.15, linewidth=0)
            ax.axvline(cut, color=INK, linewidth=1, linestyle=":")
            finish(ax, unit="count", title=glossary.title("purchase_tracking", language), language=language)
            from_zero(ax, self.tracking)
            ax.set_xlabel(glossary.key_label("time_days", language))
            legend(ax, [_mark("purchase_tracking", language, color=INK), _mark("expected_purchases", language, color=PALETTE[0], linestyle="--")])
        return ax


def _mark(metric: str, language: str, **look: Any) -> Line2D:
    return Line2D([], [], label=glossary.title(metric, language), **look)


def purchases(ds: Dataset, *, model: str = "bg_nbd", horizon: str = "364d", discount_rate: float = 0.1, conf_level: float = 0.95) -> Purchases:
    """Fit a model of buying to the orders, try it on the past, and say what it is worth.

    Parameters
    ----------
    ds : Dataset
        Needs `orders`.
    model, horizon, discount_rate, conf_level
        As for `order_value`.

    Returns
    -------
    Purchases
    """
    if bills := looks_like_bills(ds):
        return Purchases(f"The orders look like bills of a contract and not like purchases: {bills.reason} They are left to the part on contracts.")
    try:
        holdout = purchase_holdout(ds, model=model, conf_level=conf_level)
        return Purchases(
            _verdict(holdout),
            alive=buyers_alive(ds, model=model, conf_level=conf_level),
            holdout=holdout,
            tracking=purchase_tracking(ds, model=model, conf_level=conf_level),
            customers=customer_value_list(ds, model=model, horizon=horizon, discount_rate=discount_rate, conf_level=conf_level),
            currency=ds.currency or "XXX",
        )
    except (ConvergenceError, NotEnoughDataError) as error:
        return Purchases(f"There is no model of the orders: {error}")


def relationship_sentence(ds: Dataset) -> str:
    """Return in words which kind of relationship the tables show, and what of this page follows."""
    contract, bought = ("subscriptions" in ds.tables, "orders" in ds.tables)
    if contract and bought:
        return (
            "The data hold contracts (subscriptions) and orders. The end of a contract is on record, that of buying is not: they are valued apart, never added."
        )
    if contract:
        return "The data hold contracts (subscriptions) and no orders: the value is that of contracts, and the part on orders is left out."
    if bought:
        return "The data hold orders and no contracts: nobody's end is on record, so the part on contracts is left out and who still buys is inferred."
    return "The data hold neither contracts (subscriptions) nor orders: there is nothing that a value could be estimated from."


def _verdict(holdout: pd.DataFrame) -> str:
    """Return how the model did on the time held out."""
    total = holdout[holdout["part"] == "total"]
    count = total[(total["metric"] == "purchases")].iloc[0]
    came = total.loc[total["metric"] == "purchases_actual", "estimate"].iloc[0]
    errors = holdout[holdout["metric"] == "root_mean_squared_error"].set_index("method")["estimate"]
    inside = "inside" if count["conf_low"] <= came <= count["conf_high"] else "outside"
    beaten = "smaller than" if errors.iloc[0] < errors.iloc[1:].min() else "not smaller than"
    return (
        f"Orders are decided one by one here, so a model of buying applies. Tried on the last third of the history, it predicted {count['estimate']:,.0f} "
        f"purchases ({count['conf_low']:,.0f} to {count['conf_high']:,.0f} may come) and {came:,.0f} came, {inside} that range; its squared error per "
        f"customer is {beaten} that of the better naive forecast."
    )
