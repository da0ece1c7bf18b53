"""Simulating a whole company, in memory or streamed to a folder."""

from __future__ import annotations

from pathlib import Path

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import read_dataset
from cs_analysis.data.simulator.assembly import simulate_tables, stream_tables
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.scenario import AS_OF, CURRENCY, Scenario
from cs_analysis.data.simulator.truth import Truth
from cs_analysis.errors import ParameterError


def simulate_company(
    *,
    accounts: int = 400,
    months: int = 24,
    seed: int = 0,
    into: str | Path | None = None,
    event_rate: float = 1.0,
    probe_hours: int = 1,
    parameters: Parameters | None = None,
) -> tuple[Dataset, Truth]:
    """Return a whole simulated company and the truth about it.

    One latent fit per account drives onboarding, usage, answers, tickets, expansion and churn together. The history is the
    `months` calendar months that end on 2026-10-31; nothing later is in it, and what is not over by then is unfinished. Account i
    depends only on the seed and on i (given `months`, `event_rate` and `parameters`): the first accounts of a larger company are
    the accounts of a smaller one.

    Parameters
    ----------
    accounts : int
        Number of accounts.
    months : int
        Months of history, 1 to 120.
    seed : int
        Which company; 0 or more.
    into : path, optional
        A new or empty folder to stream the tables to as Parquet, in bounded memory; it appears whole or not at all. Without it the
        tables stay in memory.
    event_rate : float
        Factor of the number of sessions, 0 to 2; at 1 an account has about a thousand events in 24 months. First uses are always
        recorded.
    probe_hours : int
        Hours between two probes of the service.
    parameters : Parameters, optional
        The numbers behind it all; default `Parameters()`.

    Returns
    -------
    Dataset
        All tables of the data contract, reporting currency EUR.
    Truth
        Every parameter, the latent values of the accounts, and the true value of each estimand.

    Raises
    ------
    ParameterError
        An argument is out of range, or `into` has something in it.

    Examples
    --------
    >>> ds, truth = simulate_company(accounts=20, months=6, event_rate=0.1)
    >>> len(ds.tables["accounts"].to_pandas()), len(truth.latent)
    (20, 20)
    """
    if accounts < 1:
        raise ParameterError(f"accounts must be 1 or more, not {accounts!r}.")
    scenario = Scenario(seed=seed, months=months, event_rate=event_rate, probe_hours=probe_hours, parameters=parameters or Parameters())
    if into is None:
        tables, truth = simulate_tables(scenario, accounts)
        return read_dataset(tables, as_of=AS_OF, currency=CURRENCY), truth
    folder = Path(into)
    truth = stream_tables(scenario, accounts, folder)
    return read_dataset(folder, as_of=AS_OF, currency=CURRENCY), truth
