"""What models of health foretold and what came, as one table: its columns, and its models side by side."""

from __future__ import annotations

import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

MODELS = ("calibrated", "hand_weights", "equal_weights", "best_feature", "base_rate")
TOLD_COLUMNS = ["account_id", "at", "model", "score", "probability", "churned", "ended_at", "ends_at", "band", "verifiable"]


def by_model(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the predictions of each model, the calibrated first.

    Raises
    ------
    MissingColumnsError, ParameterError
        It is no table of predictions; its models do not have the same rows.
    NotEnoughDataError
        Nobody left, or nobody stayed.
    """
    if missing := [name for name in TOLD_COLUMNS if name not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="of predictions")
    ordered = table.sort_values(["at", "account_id"], ignore_index=True)
    told = {name: ordered[ordered["model"] == name].reset_index(drop=True) for name in MODELS if (ordered["model"] == name).any()}
    if not {"calibrated", "base_rate"} <= set(told) or len({len(own) for own in told.values()}) > 1:
        raise ParameterError("a table of predictions must have the same rows of each model, calibrated and base_rate among them. Pass it as it was made.")
    left = int(told["calibrated"]["churned"].sum())
    if left in (0, len(told["calibrated"])):
        raise NotEnoughDataError(f"of {len(told['calibrated'])} customers tested {left} left: models can be judged only where some leave and some stay.")
    return told
