"""How customers came into the data: the sampling designs of a survival analysis, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By
from cs_analysis.facts.lifetimes import first_spells
from cs_analysis.facts.policy import RevenuePolicy

Design = Literal["cohort", "prevalent", "snapshot"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How customers came into the data.

    Attributes
    ----------
    design : {"cohort", "prevalent", "snapshot"}, optional
        "cohort": every customer is on record from the start; with `observed_from` only those who started from that day on. "prevalent": those who were there
        on `observed_from` and those who started later, each at risk only from that day on (left truncation). "snapshot": who is there and
        who left in the last period, which makes no curve. None: "prevalent" with `observed_from`, else "cohort".
    observed_from : date, str or Timestamp, optional
        First day from which leavers are on record.
    started_from, started_until : date, str or Timestamp, optional
        First and last day on which customers may have started.
    """

    design: Design | None = None
    observed_from: Moment | None = None
    started_from: Moment | None = None
    started_until: Moment | None = None

    @property
    def stated(self) -> Design:
        """The design, read from `observed_from` where it is not given."""
        return self.design or ("cohort" if self.observed_from is None else "prevalent")


def sampled_spells(ds: Dataset, sampling: Sampling, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return the first stretches as customers that a design takes in, as `first_spells` does.

    Raises
    ------
    NotEnoughDataError
        Nobody was ever a customer, or none began within the days.
    ParameterError
        The design is unknown, a snapshot, or lacks or contradicts `observed_from`; the tables are a single one; as for `first_spells`.
    """
    _check(ds, sampling)
    prevalent = sampling.stated == "prevalent"
    return first_spells(
        ds,
        by=by,
        observed_from=sampling.observed_from if prevalent else None,
        started_from=sampling.started_from if prevalent or sampling.started_from is not None else sampling.observed_from,
        started_until=sampling.started_until,
        policy=policy,
    )


def _check(ds: Dataset, sampling: Sampling) -> None:
    if isinstance(ds, pd.DataFrame) or sampling.stated == "snapshot":
        raise ParameterError(
            "a snapshot (who is a customer, and who left in the last period) has no curve from day 0: those who left before are not in it, so that "
            "only survivors are at risk at the low ages and too many seem to stay. Use `snapshot_churn_rate` for the rate of the period, or pass "
            "a Dataset with design='prevalent' and the first day of the period as observed_from."
        )
    if sampling.stated not in get_args(Design):
        raise ParameterError(f"design must be one of {', '.join(get_args(Design))}, not {sampling.design!r}.")
    if sampling.stated == "prevalent" and sampling.observed_from is None:
        raise ParameterError("design='prevalent' needs observed_from, the first day from which leavers are on record. State it, or use design='cohort'.")
    both = sampling.observed_from is not None and sampling.started_from is not None
    if sampling.stated == "cohort" and both and ds.calendar.end_of(sampling.started_from) < ds.calendar.end_of(sampling.observed_from):
        raise ParameterError(
            f"a cohort must have started when leavers were on record: started_from={sampling.started_from!r} lies before "
            f"observed_from={sampling.observed_from!r}. Move it, or use design='prevalent'."
        )
