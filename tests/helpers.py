"""Small hand-made tables that several tests share."""

from __future__ import annotations

import pandas as pd


def utc(*texts: str | None) -> pd.DatetimeIndex:
    """Return instants in UTC."""
    return pd.to_datetime(list(texts), utc=True, format="ISO8601")


def accounts(**starts: str) -> pd.DataFrame:
    """Return an accounts table from account_id=started_at."""
    return pd.DataFrame({"account_id": list(starts), "started_at": utc(*starts.values())})


def phases(*rows: tuple[str, str, str, str | None, float], **more: list[object]) -> pd.DataFrame:
    """Return subscriptions in EUR from (subscription_id, account_id, started_at, ended_at, mrr)."""
    frame = pd.DataFrame(rows, columns=["subscription_id", "account_id", "started_at", "ended_at", "mrr"])
    return frame.assign(started_at=utc(*frame["started_at"]), ended_at=utc(*frame["ended_at"]), currency="EUR").assign(**more)


def events(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Return events from (event_at, account_id, user_id, event)."""
    frame = pd.DataFrame(rows, columns=["event_at", "account_id", "user_id", "event"])
    return frame.assign(event_at=utc(*frame["event_at"]))
