"""What counts as retained: the choices on which tools disagree, each with a name, and what three of them document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, get_args

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By

Criterion = Literal["on", "on_or_after", "bracket"]
Entry = Literal["first_ever", "first", "recurring", "account_start"]
Windows = Literal["calendar", "rolling", "rolling_hours", "rolling_days"]
Names = str | Sequence[str] | None

DAYS: Mapping[str, int] = MappingProxyType({"day": 1, "week": 7, "month": 30})
"""Length of rolling periods in days."""


@dataclass(frozen=True, kw_only=True)
class RetentionRule:
    """The choices behind a retention table; see `cohort_retention` for what each means.

    Raises
    ------
    ParameterError
        A choice is unknown, or two of them have no common meaning.
    """

    period: Period = "month"
    criterion: Criterion = "on"
    windows: Windows = "calendar"
    entry: Entry = "first_ever"
    start: Names = None
    event: Names = None
    minimum: int = 1
    brackets: Sequence[tuple[int, int]] | None = None
    look_ahead: int = 3
    max_age: int | None = None
    since: date | str | pd.Timestamp | None = None
    actor: Literal["user", "account"] = "user"
    by: By = None

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_counts()
        self._check_brackets()
        if self.windows != "calendar" and self.period not in DAYS:
            raise ParameterError(f"rolling windows have a fixed length, so period must be one of {', '.join(DAYS)}, not {self.period!r}.")
        if self.entry == "account_start" and (self.actor != "account" or self.start is not None):
            raise ParameterError("entry='account_start' is about accounts and their sign-up: set actor='account' and leave start out.")

    def _check_choices(self) -> None:
        choices = {"period": Period, "criterion": Criterion, "windows": Windows, "entry": Entry, "actor": Literal["user", "account"]}
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise ParameterError(f"{name} must be one of {', '.join(get_args(kind))}, not {getattr(self, name)!r}.")

    def _check_counts(self) -> None:
        for name, least in (("minimum", 1), ("look_ahead", 1), ("max_age", 0)):
            value = getattr(self, name)
            if not (value is None and name == "max_age") and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ParameterError(f"{name} must be a whole number of at least {least}, not {value!r}.")

    def _check_brackets(self) -> None:
        if (self.brackets is None) == (self.criterion == "bracket"):
            raise ParameterError("brackets go with criterion='bracket', which needs them: such as period='day', brackets=[(1, 7), (8, 14)].")
        last = -1
        for pair in self.brackets or ():
            if not isinstance(pair, Sequence) or len(pair) != 2 or not last < pair[0] <= pair[1]:
                raise ParameterError(f"brackets must be rising pairs (first age, last age) that do not overlap, both ages included; {pair!r} breaks this.")
            last = pair[1]

    @property
    def by_whole_periods(self) -> bool:
        """Whether it is enough to know in which periods a unit was active: no count, no clock of its own, and every start is a return too."""
        starts_return = self.event is None or (self.start is not None and set(names(self.start)) <= set(names(self.event)))
        return self.windows == "calendar" and self.minimum == 1 and self.entry != "account_start" and starts_return


def names(given: Names) -> list[str]:
    """Return event names as a list."""
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def documented(tool: str, *, period: Period) -> tuple[dict[str, Any], str]:
    """Return what a tool documents as its usual retention: options of `RetentionRule`, and how it averages the cohorts."""
    rolling = "rolling_hours" if period == "day" else "rolling_days"
    after: dict[str, Any] = {"criterion": "on_or_after", "look_ahead": 1}
    on: dict[str, Any] = {"criterion": "on"}
    rules: dict[str, tuple[dict[str, Any], str]] = {
        "cs_analysis": (on, "pooled"),
        "posthog": (on, "pooled"),
        "posthog_recurring": ({**on, "entry": "recurring"}, "pooled"),
        "posthog_simple_mean": (on, "simple"),
        "posthog_on_or_after": (after, "pooled"),
        "mixpanel": ({**after, "entry": "recurring", "windows": "rolling"}, "size_squared"),
        "mixpanel_on": ({**on, "entry": "recurring", "windows": "rolling"}, "size_squared"),
        "mixpanel_calendar": ({**after, "entry": "recurring"}, "size_squared"),
        "amplitude": ({**after, "windows": rolling}, "pooled"),
        "amplitude_on": ({**on, "windows": rolling}, "pooled"),
        "amplitude_calendar": (after, "pooled"),
    }
    if tool not in rules:
        raise ParameterError(f"definitions must be among {', '.join(rules)}, not {tool!r}.")
    return rules[tool]
