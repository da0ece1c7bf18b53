"""Who is kept by the score before: by hand, against a search in plain Python, and where only notice makes scores differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import cs_analysis as cs
from cs_analysis.data.calendar import Calendar
from cs_analysis.stats.intervals import wilson
from helpers import accounts, phases, utc

AS_OF = "2026-06-30"


def responses(*rows: tuple[str, str, str | None, float | None]) -> pd.DataFrame:
    """Return recommendation requests from (account_id, asked_at, answered_at, score)."""
    frame = pd.DataFrame(rows, columns=["account_id", "asked_at", "answered_at", "score"])
    times = {name: utc(*frame[name]) for name in ("asked_at", "answered_at")}
    return frame.assign(survey="nps", response_id=[f"r{row}" for row in range(len(rows))], **times)


def rates(table: pd.DataFrame, metric: str = "renewal_by_score") -> dict[str, tuple[float, int]]:
    rows = table[table["metric"] == metric]
    return {row.score_class: (row.estimate, row.n) for row in rows.itertuples()}


@pytest.fixture(scope="module")
def small() -> cs.Dataset:
    names = "abcdefgh"
    ends: dict[str, str | None] = {**dict.fromkeys(names, None), "b": "2026-05-20", "c": "2026-05-10", "h": "2026-04-10"}
    sold = phases(*((f"s{name}", name, "2025-12-01", ends[name], 10.0) for name in names))
    sold["cancelled_at"] = utc(None, None, "2026-03-20", None, None, None, None, None)
    said = responses(
        ("a", "2026-03-01", "2026-03-02", 10),
        ("b", "2026-03-01", "2026-03-02", 9),  # leaves in the window
        ("c", "2026-03-01", "2026-03-25", 0),  # had given notice on 20 March
        ("d", "2026-03-01", "2026-04-02", 10),  # answered after the date: silent by then
        ("e", "2026-03-01", None, None),
        ("f", "2026-03-01", "2026-03-02", 3),
        ("f", "2026-03-20", "2026-03-21", 7),  # the last one counts
        ("h", "2026-03-01", "2026-03-02", 2),
    )  # g was never asked
    tables = {"accounts": accounts(**dict.fromkeys(names, "2025-12-01")), "subscriptions": sold, "responses": said}
    return cs.read_dataset(tables, as_of=AS_OF)


def test_by_hand(small: cs.Dataset) -> None:
    # The dates whose windows have opened are 31 December (before any request) and 31 March; each row of December is "(not asked)".
    table = cs.renewal_by_score(small, horizon="60d", memory="60d")
    assert rates(table) == {"promoter": (0.5, 2), "passive": (1.0, 1), "detractor": (0.0, 1), "(no answer)": (1.0, 2), "(not asked)": (1.0, 8 + 1)}
    assert list(rates(table)) == ["detractor", "passive", "promoter", "(no answer)", "(not asked)"]
    promoters = table[(table["metric"] == "renewal_by_score") & (table["score_class"] == "promoter")].iloc[0]
    np.testing.assert_allclose(promoters[["estimate", "conf_low", "conf_high"]].astype(float), wilson(1, 2))


@pytest.mark.slow
def test_the_naive_figure_takes_the_last_score_ever_and_who_is_a_customer_today(small: cs.Dataset) -> None:
    found = rates(cs.renewal_by_score(small, horizon="60d"), "renewal_by_score_naive")
    # promoters a, b (gone), d; f passive; detractors c and h, both gone; e silent; g never asked
    assert found == {"promoter": (pytest.approx(2 / 3), 3), "passive": (1.0, 1), "detractor": (0.0, 2), "(no answer)": (1.0, 1), "(not asked)": (1.0, 1)}


@pytest.mark.slow
def test_after_the_gap_who_left_in_it_is_not_counted(small: cs.Dataset) -> None:
    found = rates(cs.renewal_by_score(small, horizon="45d", gap="15d", memory="60d"))
    assert "detractor" not in found  # h left on 10 April, within the gap
    assert found["promoter"] == (0.5, 2)
    at_an_edge = rates(cs.renewal_by_score(small, horizon="49d", memory="60d"))  # the window ends on 20 May at 00:00, when b leaves
    assert at_an_edge["promoter"] == (1.0, 2)


@pytest.mark.slow
def test_by_score_instead_of_class(small: cs.Dataset) -> None:
    table = cs.renewal_by_score(small, horizon="60d", memory="60d", by_class=False).query("metric == 'renewal_by_score'")
    assert table[["score_class", "score"]].astype(object).where(table[["score_class", "score"]].notna(), None).to_numpy().tolist() == [
        ["detractor", 2.0], ["passive", 7.0], ["promoter", 9.0], ["promoter", 10.0], ["(no answer)", None], ["(not asked)", None],
    ]  # fmt: skip


@pytest.mark.slow
def test_windows_that_are_not_over_count_as_far_as_they_were_watched(small: cs.Dataset) -> None:
    # 180 days after 31 March are not over by 30 June: nobody of March has been watched so long, but all detractors have left.
    found = rates(cs.renewal_by_score(small, horizon="180d", memory="60d"))
    assert found["detractor"] == (0.0, 1)
    assert np.isnan(found["promoter"][0])
    assert found["(not asked)"][0] == pytest.approx((1 - 1 / 8) * (1 - 2 / 7))  # of December: h after 100 days, c and b after 130 and 140; g joins in March


def search(tables: dict[str, pd.DataFrame], options: dict[str, Any]) -> dict[str, list[bool]]:
    """Return for each level whether each customer of each date with a finished window was kept, by loops."""
    end = pd.Timestamp(options["as_of"], tz=options["zone"]) + pd.Timedelta(1, "D")
    found: dict[str, list[bool]] = {}
    calendar = Calendar(timezone=options["zone"])
    for month in pd.date_range("2025-01-31", options["as_of"], freq="ME"):
        close = calendar.end_of(month.date()).tz_convert("UTC") + pd.Timedelta(1, "us")
        opens = close + pd.Timedelta(options["gap"], "D")
        shut = opens + pd.Timedelta(options["horizon"], "D")
        if shut > end:
            continue
        for phase in tables["subscriptions"].itertuples():
            here = phase.started_at < close and not phase.ended_at < opens
            if not here or phase.cancelled_at < close:
                continue
            own = tables["responses"][tables["responses"]["account_id"] == phase.account_id]
            since = close - pd.Timedelta(options["memory"], "D")
            said = own[(own["answered_at"] >= since) & (own["answered_at"] < close)].sort_values(["answered_at", "response_id"])
            asked = own[(own["asked_at"] >= since) & (own["asked_at"] < close)]
            score = said["score"].iloc[-1] if len(said) else None
            level = ("promoter" if score >= 9 else "detractor" if score <= 6 else "passive") if len(said) else "(no answer)" if len(asked) else "(not asked)"
            found.setdefault(level, []).append(not phase.ended_at < shut)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "zone"), [(1, "Europe/Istanbul"), (2, "America/New_York"), (3, "Europe/Berlin")])
def test_equal_to_a_search(seed: int, zone: str) -> None:
    rng = np.random.default_rng(seed)
    names, size = [f"a{k:02d}" for k in range(25)], 25
    start = pd.Timestamp("2025-09-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 100 * 24, size), "h")
    ended = (start + pd.to_timedelta(rng.integers(20, 250, size), "D")).where(rng.random(size) < 0.7)
    sold = pd.DataFrame({"account_id": names, "subscription_id": names, "started_at": start, "ended_at": ended, "mrr": 1.0, "currency": "EUR"})
    sold["cancelled_at"] = (sold["ended_at"] - pd.to_timedelta(rng.integers(0, 40, size), "D")).clip(lower=sold["started_at"]).where(rng.random(size) < 0.5)
    asked = pd.Timestamp("2025-12-15", tz="UTC") + pd.to_timedelta(rng.integers(0, 150, 120), "D")
    said = pd.DataFrame({"account_id": rng.choice(names, 120), "asked_at": asked, "survey": "nps", "response_id": [f"r{k:03d}" for k in rng.permutation(120)]})
    said["answered_at"] = (said["asked_at"] + pd.to_timedelta(rng.integers(0, 5 * 24, 120), "h")).where(rng.random(120) < 0.6)
    said["score"] = pd.Series(rng.integers(0, 11, 120).astype(float)).where(said["answered_at"].notna())
    tables = {"accounts": pd.DataFrame({"account_id": names, "started_at": start}), "subscriptions": sold, "responses": said}
    options = {"zone": zone, "gap": 7, "horizon": 30, "memory": 45}
    ds = cs.read_dataset(tables, as_of="2026-05-31", calendar=Calendar(timezone=zone))
    windows = {"horizon": "30d", "gap": "7d", "memory": "45d", "every": "month"}
    expected = search(tables, {**options, "as_of": "2026-05-07"})  # with that day the windows of March are over and those of April not open
    found = rates(cs.renewal_by_score(ds.at("2026-05-07"), **windows))
    assert found == {level: (pytest.approx(np.mean(kept)), len(kept)) for level, kept in expected.items()}
    later = cs.renewal_by_score(ds, **windows).query("metric == 'renewal_by_score_trend'")["n"].iloc[0]  # of April some are still watched
    assert later == sum(len(kept) for level, kept in expected.items() if not level.startswith("("))


def notice_company(size: int = 500, *, seed: int = 5, effect: float = 0.0) -> cs.Dataset:
    """Return customers who leave whatever they said, and who answer low once they have given notice, 60 days before their end."""
    rng = np.random.default_rng(seed)
    names = np.array([f"a{k:03d}" for k in range(size)])
    level = rng.integers(5, 11, size)  # what an account says as long as it stays
    start = pd.Timestamp("2024-06-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 300, size), "D")
    ended = start + pd.to_timedelta((rng.exponential(500 * np.exp(effect * (level - 7.5))) + 61).round(), "D")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": ended, "mrr": 10.0, "currency": "EUR"})
    sold["cancelled_at"] = sold["ended_at"] - pd.Timedelta(60, "D")
    wave = pd.Timestamp("2024-07-15", tz="UTC") + pd.to_timedelta(np.arange(0, 660, 45), "D")
    who, when = np.repeat(np.arange(size), len(wave)), np.tile(wave, size)
    asked = pd.DataFrame({"account_id": names[who], "asked_at": when, "score": level[who].astype(float)})
    there = (asked["asked_at"] >= start[who]) & (asked["asked_at"] < ended[who])
    asked["score"] = asked["score"].where(asked["asked_at"] < sold["cancelled_at"].to_numpy()[who], rng.integers(0, 5, len(asked)))
    asked = asked[there & (rng.random(len(asked)) < 0.8)].reset_index(drop=True)
    said = asked.assign(answered_at=asked["asked_at"] + pd.Timedelta(1, "h"), survey="nps", response_id=asked.index)
    people = pd.DataFrame({"account_id": names, "started_at": start})
    return cs.read_dataset({"accounts": people, "subscriptions": sold, "responses": said}, as_of="2026-06-30")


@pytest.mark.slow
def test_where_notice_alone_makes_scores_low_only_the_naive_figure_shows_a_relation() -> None:
    table = cs.renewal_by_score(notice_company(), horizon="180d").set_index("metric")
    honest, naive = table.loc["renewal_by_score_trend"], table.loc["renewal_by_score_trend_naive"]
    assert honest["conf_low"] < 1 < honest["conf_high"]
    assert naive["conf_low"] > 1.2
    kept = {metric: table.loc[metric].set_index("score_class")["estimate"] for metric in ("renewal_by_score", "renewal_by_score_naive")}
    assert kept["renewal_by_score_naive"]["promoter"] - kept["renewal_by_score_naive"]["detractor"] > 0.2
    assert abs(kept["renewal_by_score"]["promoter"] - kept["renewal_by_score"]["detractor"]) < 0.08


@pytest.mark.slow
def test_where_the_score_foretells_the_figure_shows_it() -> None:
    table = cs.renewal_by_score(notice_company(effect=0.4), horizon="180d").set_index("metric")
    assert table.loc["renewal_by_score_trend", "conf_low"] > 1.2
    kept = table.loc["renewal_by_score"].set_index("score_class")["estimate"]
    assert kept["detractor"] < kept["passive"] < kept["promoter"]


@pytest.mark.slow
def test_the_trend_is_a_logistic_regression_with_clustered_errors() -> None:
    from cs_analysis.facts.feature_dates import feature_dates
    from cs_analysis.facts.outcomes import snapshot_days
    from cs_analysis.facts.score_dates import scored_customers

    ds = notice_company(80, effect=0.2)
    rows = scored_customers(ds, feature_dates(ds, snapshot_days(ds, every="quarter")), survey="nps")
    rows = rows[rows["over"] & rows["score"].notna()]
    design = sm.add_constant(rows["score"].to_numpy())
    owners = pd.factorize(rows["account_id"])[0]
    fit = sm.Logit((~rows["observed"]).to_numpy(float), design).fit(disp=0, cov_type="cluster", cov_kwds={"groups": owners, "use_correction": False})
    error = fit.bse[1] * np.sqrt((owners.max() + 1) / owners.max())
    expected = np.exp(fit.params[1] + 1.959963984540054 * error * np.array([0, -1, 1]))
    found = cs.renewal_by_score(ds).query("metric == 'renewal_by_score_trend'").iloc[0]
    np.testing.assert_allclose(found[["estimate", "conf_low", "conf_high"]].astype(float), expected, rtol=1e-6)
    assert found["n"] == len(rows)


@pytest.mark.slow
def test_too_few_leavers_have_no_trend(small: cs.Dataset) -> None:
    table = cs.renewal_by_score(small, horizon="60d").set_index("metric")
    assert table.loc["renewal_by_score_trend", ["estimate", "conf_low", "conf_high"]].isna().all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"horizon": "6mo"}, cs.errors.ParameterError, "fixed length"),
        ({"memory": 90}, cs.errors.ParameterError, "memory must say its unit"),
        ({"gap": "1y"}, cs.errors.NotEnoughDataError, "whose window has opened by 2026-06-30"),
        ({"survey": "mood"}, cs.errors.ParameterError, "no scale of its own"),
    ],
)
def test_what_cannot_be_is_refused(small: cs.Dataset, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cs.renewal_by_score(small, **options)
