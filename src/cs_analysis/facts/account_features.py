"""What was known of customers at a date: the features from which health is scored, all dates in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.contract import TABLES
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError
from cs_analysis.facts.contract_features import contract_features, customers_at
from cs_analysis.facts.feature_dates import FeatureDates, joined_to
from cs_analysis.facts.sentiment_features import sentiment_features
from cs_analysis.facts.support_features import support_features
from cs_analysis.facts.usage_features import usage_features

Area = Literal["frequency", "breadth", "depth", "support", "sentiment", "contract"]
Better = Literal["higher", "lower"] | None


@dataclass(frozen=True)
class Feature:
    """One feature of an account at a date.

    Attributes
    ----------
    name : str
        Its column.
    area : str
        What it tells of: frequency, breadth, depth, support, sentiment or contract.
    table : str
        The table that it is made from.
    better : {"higher", "lower"} or None
        Which way is taken for healthy.
    columns : tuple of str
        Columns, as `table.column`, which it needs besides those that every such table has.
    """

    name: str
    area: Area
    table: str
    better: Better
    columns: tuple[str, ...] = ()


_FEATURES = (
    Feature("active_days_28", "frequency", "events", "higher"),
    Feature("usage_trend", "frequency", "events", "higher"),
    Feature("days_since_use", "frequency", "events", "lower"),
    Feature("active_users_28", "breadth", "events", "higher"),
    Feature("seat_share_28", "breadth", "events", "higher", ("subscriptions.seats",)),
    Feature("features_used_28", "breadth", "events", "higher"),
    Feature("key_uses_per_user_28", "depth", "events", "higher"),
    Feature("tickets_90", "support", "tickets", None),
    Feature("open_tickets", "support", "tickets", "lower", ("tickets.resolved_at",)),
    Feature("slow_answers_90", "support", "tickets", "lower", ("tickets.first_response_at",)),
    Feature("nps_score", "sentiment", "responses", "higher", ("responses.score",)),
    Feature("nps_answered", "sentiment", "responses", "higher", ("responses.score",)),
    Feature("csat_score", "sentiment", "responses", "higher", ("responses.score",)),
    Feature("tenure_days", "contract", "subscriptions", "higher"),
    Feature("mrr", "contract", "subscriptions", None),
    Feature("mrr_change_90", "contract", "subscriptions", "higher"),
    Feature("yearly", "contract", "subscriptions", "higher", ("subscriptions.interval",)),
    Feature("days_to_renewal", "contract", "subscriptions", None, ("subscriptions.renewal_at",)),
    Feature("past_due", "contract", "subscriptions", "lower", ("subscriptions.kind",)),
)

FEATURES: Mapping[str, Feature] = MappingProxyType({feature.name: feature for feature in _FEATURES})

_MAKERS: Mapping[str, Callable[[Dataset, FeatureDates, ir.Table], ir.Table]] = MappingProxyType(
    {
        "events": usage_features,
        "tickets": lambda ds, _, rows: support_features(ds, rows),
        "responses": lambda ds, _, rows: sentiment_features(ds, rows),
        "subscriptions": contract_features,
    }
)


def account_features(ds: Dataset, dates: FeatureDates, names: Sequence[str]) -> pd.DataFrame:
    """Return one row an account that is a customer at a date: `account_id`, `at` and a float column a feature, by date and account."""
    rows = customers_at(ds, dates)
    wanted = [FEATURES[name] for name in names]
    tables = [table for table in _MAKERS if any(table == feature.table or _needs(feature, table) for feature in wanted)]
    joined = joined_to(rows, *(_MAKERS[table](ds, dates, rows) for table in tables))
    if "seat_share_28" in names:
        joined = joined.mutate(seat_share_28=joined.active_users_28 / joined.seats.nullif(0))
    shown = joined.select("account_id", "at", **{name: joined[name].cast("float64") for name in names})
    return engine_of(ds).run(shown.order_by(["at", "account_id"])).astype({"at": "datetime64[us]"})


def available_features(ds: Dataset) -> list[str]:
    """Return the features for which the dataset has the tables and columns."""
    return [name for name, feature in FEATURES.items() if not _lacks(ds, feature)]


def feature_names(ds: Dataset, features: Iterable[str] | str | None) -> list[str]:
    """Return the features asked for; all that the tables allow for None.

    Raises
    ------
    ParameterError
        None is named, one twice, or one that there is not; all of them at once.
    MissingTableError, MissingColumnsError
        The dataset lacks what a named feature is made from.
    """
    relation(ds, "subscriptions")
    if features is None:
        return available_features(ds)
    names = [features] if isinstance(features, str) else list(features)
    faults = [_unknown(name) for name in names if name not in FEATURES]
    if not names or len(set(names)) < len(names) or faults:
        raise ParameterError(f"features must be different names out of {', '.join(FEATURES)}, at least one. {' '.join(faults) or f'Given: {names!r}.'}")
    for name in names:
        _require(ds, FEATURES[name])
    return names


def _needs(feature: Feature, table: str) -> list[str]:
    """Return the columns of a table that a feature needs."""
    return [column.partition(".")[2] for column in feature.columns if column.startswith(f"{table}.")]


def _lacks(ds: Dataset, feature: Feature) -> bool:
    if feature.table not in ds.tables:
        return True
    return any(column not in ds.tables[table].columns for table in ds.tables for column in _needs(feature, table))


def _require(ds: Dataset, feature: Feature) -> None:
    """Raise unless the dataset has what a feature is made from."""
    if feature.table not in ds.tables:
        raise MissingTableError(feature.table, ds.tables)
    for table in ds.tables:
        handle = ds.tables[table]
        missing = [column for column in _needs(feature, table) if column not in handle.columns]
        if missing:
            raise MissingColumnsError(missing, handle.columns, table=table)


def _unknown(name: str) -> str:
    """Return what to say of a name that is no feature."""
    if name in TABLES["accounts"].column_names:
        return f"{name!r} is a column of `accounts` as of the export: what it was at an earlier date is not on record."
    close = get_close_matches(name, FEATURES, n=1)
    return f"There is no {name!r}." + (f" Did you mean {close[0]!r}?" if close else "")
