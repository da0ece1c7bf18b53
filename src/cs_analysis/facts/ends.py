"""How customers ended where no reason is on record: read from what the account went on with."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.uses import later
from cs_analysis.windows import parse_window

UNKNOWN = "(unknown)"
_GOES_ON_AS = {"free": "downgrade", "paused": "pause", "past_due": "payment"}
_SOON = parse_window("1d")


def with_kinds_of_end(ds: Dataset, spells: pd.DataFrame) -> pd.DataFrame:
    """Return spells (`account_id`, `end_at`, `ended_by`) with `ended_by` filled in where it is missing.

    A customer whose account goes on with a free plan within a day of the end has downgraded ("downgrade"); with a pause it has paused ("pause"), with a payment
    overdue it has not paid ("payment"), each where the policy makes no customers of those. All others are "(unknown)". A reason on record stands.
    """
    silent = spells["ended_by"].isna() & spells["end_at"].notna()
    if not silent.any():
        return spells
    engine, phases = engine_of(ds), relation(ds, "subscriptions")
    ended = engine.lookup(spells.loc[silent, ["account_id", "end_at"]])
    others = phases.filter(phases.kind.isin(list(_GOES_ON_AS))).select("account_id", "kind", "started_at")
    joined = ended.inner_join(others, "account_id")
    soon = joined.filter(joined.started_at >= joined.end_at, joined.started_at <= later(joined.end_at, _SOON))
    found = engine.run(soon.select("account_id", "started_at", "kind").order_by(["account_id", "started_at", "kind"]))
    kinds = found.drop_duplicates("account_id").set_index("account_id")["kind"].map(_GOES_ON_AS)
    told = spells["account_id"].map(kinds).astype("object").fillna(UNKNOWN)
    return spells.assign(ended_by=spells["ended_by"].astype("object").where(~silent, told))
