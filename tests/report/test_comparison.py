from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cs_analysis.errors import ParameterError, ReportError
from cs_analysis.report.comparison import compare_packs, compared
from cs_analysis.report.figures import Figures, detail_of, figures_of

SEP, OCT = "2026-09-30T23:59:59.999999+00:00", "2026-10-31T23:59:59.999999+00:00"


def row(metric: str, estimate: float | None, *limits: float | None, **keys: object) -> dict[str, object]:
    low, high = limits or (None, None)
    own = {"report": "churn", "period": None, **keys}
    unit = {"mrr": "EUR", "nps": "points"}.get(metric, "share")
    return {**own, "metric": metric, "unit": unit, "estimate": estimate, "conf_low": low, "conf_high": high, "n": 100}


def pack(as_of: str, rows: list[dict[str, object]], *, headlines: list[dict[str, object]] | None = None, **parameters: object) -> Figures:
    shown = headlines if headlines is not None else [each for each in rows if each["period"] is not None]
    reports = {str(each["report"]): {"parameters": parameters} for each in rows}
    return figures_of(rows, headlines=shown, about={"as_of": as_of, "reports": reports, "versions": {"cs-analysis": "1"}})


def month(number: int) -> str:
    return f"2026-{number:02}-01"


def test_keys_read_the_same_in_whole_and_in_mixed_columns() -> None:
    assert detail_of({"step": 4, "event": None, "a": "x", "period": "2026-01-01", "report": "r", "unfinished": True}) == "a=x; step=4"
    assert detail_of({"step": 4.0, "event": float("nan"), "a": "x"}) == "a=x; step=4"
    assert detail_of({"period": 3.0}) == "period=3"  # the third period of a curve


def test_a_headline_figure_is_compared_with_the_newest_of_the_run_before_by_hand() -> None:
    old = pack(SEP, [row("logo_churn_rate", 0.03, 0.02, 0.045, period=month(9))])
    new = pack(OCT, [row("logo_churn_rate", 0.08, 0.06, 0.105, period=month(10))])
    found = compared(old, new)
    (change,) = found.changes.to_dict("records")
    # 0.05 - sqrt(0.02^2 + 0.015^2) = 0.025 and 0.05 + sqrt(0.025^2 + 0.01^2) = 0.07693; z = 1.95996 * 0.05 / 0.025 = 3.91993
    assert change["difference"] == pytest.approx(0.05)
    assert change["difference_low"] == pytest.approx(0.025)
    assert change["difference_high"] == pytest.approx(0.0769258, abs=1e-6)
    assert change["p_value"] == pytest.approx(2 * norm.sf(3.919928), rel=1e-5)
    assert (change["kind"], change["period_before"], change["period"]) == ("moved", month(9), month(10))
    assert (change["beyond_noise"], change["judged"], found.worse) == (True, "worse", True)


def test_fewer_leavers_are_no_reason_to_ring() -> None:
    old = pack(SEP, [row("logo_churn_rate", 0.08, 0.06, 0.105, period=month(9))])
    new = pack(OCT, [row("logo_churn_rate", 0.03, 0.02, 0.045, period=month(10))])
    found = compared(old, new)
    assert (len(found.alerts), found.alerts["judged"].iloc[0], found.worse) == (1, "better", False)


def test_p_values_are_adjusted_among_headline_figures_each_counted_once() -> None:
    # five headline figures; half width 1, so z = 1.95996 d / sqrt(2); p for d = 2, 1.5, 1.2, 0.5, 0
    changes = [2.0, 1.5, 1.2, 0.5, 0.0]
    old = [row("nps", 0.0, -1.0, 1.0, period=month(9), level=str(number)) for number in range(5)]
    new = [row("nps", change, change - 1, change + 1, period=month(10), level=str(number)) for number, change in enumerate(changes)]
    twice = [[{**each, "report": "voice"} for each in rows] for rows in (old, new)]
    found = compared(pack(SEP, [*old, *twice[0]]), pack(OCT, [*new, *twice[1]]))
    p = [2 * norm.sf(norm.ppf(0.975) * change / np.sqrt(2)) for change in changes]
    # Benjamini-Hochberg by hand: p1 * 5, p2 * 5 / 2, p3 * 5 / 3, p4 * 5 / 4, p5, from the largest down
    expected = [p[0] * 5, p[1] * 5 / 2, p[2] * 5 / 3, p[3] * 5 / 4, 1.0]
    assert found.changes.loc[found.changes["report"] == "churn", "adjusted_p_value"].to_numpy() == pytest.approx(expected)
    assert len(found.changes) == 10
    assert len(found.beyond_noise) == 2
    assert len(found.alerts) == 1


def test_figures_without_a_period_are_adjusted_apart() -> None:
    more = [[row("survival", value, value - 0.01, value + 0.01, time_days=days) for days in range(50)] for value in (0.5, 0.5)]
    headline = [row("nps", 0.0, -1.0, 1.0, period=month(9)), row("nps", 1.6, 0.6, 2.6, period=month(10))]
    found = compared(*(pack(day, [one, *rest]) for day, one, rest in zip((SEP, OCT), headline, more, strict=True)))
    # z = 1.95996 * 1.6 / sqrt(2) = 2.217, p = 0.0266: alone among headline figures
    assert found.alerts["adjusted_p_value"].tolist() == pytest.approx([0.0266], abs=1e-4)
    assert not found.changes.loc[found.changes["metric"] == "survival", "beyond_noise"].any()


def test_what_has_no_limits_and_what_is_naive_is_told_and_not_tested() -> None:
    old = pack(SEP, [row("mrr", 100.0, period=month(9)), row("churn_naive", 0.1, 0.09, 0.11), row("same", 3.0)])
    new = pack(OCT, [row("mrr", 200.0, period=month(10)), row("churn_naive", 0.9, 0.89, 0.91), row("same", 3.0)])
    found = compared(old, new).changes
    assert dict(zip(found["metric"], found["kind"], strict=True)) == {"mrr": "fact", "churn_naive": "fact"}
    assert not found["beyond_noise"].any()
    assert found["p_value"].isna().all()
    assert found.loc[found["metric"] == "mrr", "judged"].tolist() == ["better"]


def test_an_open_limit_never_rings_on_its_side() -> None:
    old, new = row("survival", 10.0, 9.0, None), row("survival", 90.0, 89.0, 91.0)
    up = compared(pack(SEP, [old]), pack(OCT, [new])).changes
    assert up["p_value"].tolist() == [1.0]
    down = compared(pack(SEP, [new]), pack(OCT, [old])).changes
    assert down["p_value"].tolist() == [1.0]
    below = compared(pack(SEP, [row("survival", 100.0, 99.0, None)]), pack(OCT, [row("survival", 10.0, 9.0, 11.0)])).changes
    assert below["p_value"].iloc[0] < 1e-9  # the open side lies away from zero


def test_a_month_that_was_over_and_reads_differently_is_restated() -> None:
    months = [row("logo_churn_rate", value, value - 0.01, value + 0.01, period=month(number)) for number, value in ((8, 0.03), (9, 0.04))]
    corrected = [{**months[0], "estimate": 0.05}, months[1], row("logo_churn_rate", 0.04, 0.03, 0.05, period=month(10))]
    found = compared(pack(SEP, months), pack(OCT, corrected)).changes
    restated = found[found["kind"] == "restated"]
    assert restated[["period_before", "period", "estimate_before", "estimate"]].to_numpy().tolist() == [[month(8), month(8), 0.03, 0.05]]
    assert not restated["beyond_noise"].any()
    assert found.loc[found["kind"] == "moved", "p_value"].tolist() == [1.0]


def test_a_quarter_that_was_not_over_is_no_correction() -> None:
    early = [row("nps", 10.0, 5.0, 15.0, period=start) for start in ("2026-04-01", "2026-07-01")]
    later = [early[0], row("nps", 12.0, 7.0, 17.0, period="2026-07-01")]
    august = "2026-08-31T23:59:59.999999+00:00"
    assert compared(pack(august, early), pack("2026-09-15T23:59:59.999999+00:00", later)).changes["kind"].tolist() == ["moved"]
    assert compared(pack(SEP, early), pack(OCT, later)).changes["kind"].tolist() == ["restated"]


def test_two_runs_of_one_day_differ_by_corrections_alone() -> None:
    old, new = ([row("survival", value, value - 0.01, value + 0.01, time_days=30)] for value in (0.5, 0.9))
    found = compared(pack(OCT, old), pack(OCT, new))
    assert found.changes["kind"].tolist() == ["restated"]
    assert found.beyond_noise.empty
    assert compared(pack(OCT, old), pack(OCT, old)).changes.empty
    quarter = [row("nps", value, value - 1, value + 1, period=start) for start, value in (("2026-07-01", 1.0), ("2026-10-01", 2.0))]
    assert compared(pack(OCT, quarter), pack(OCT, quarter)).changes.empty
    further = [quarter[0], {**quarter[1], "estimate": 2.5}]
    assert compared(pack(OCT, quarter), pack(OCT, further)).changes["kind"].tolist() == ["restated"]


def test_what_came_and_what_went() -> None:
    old = pack(SEP, [row("conversion", 0.2, 0.1, 0.3, step=1), row("survival", 0.5, 0.4, 0.6), row("nps", None)])
    new = pack(OCT, [row("conversion", 0.2, 0.1, 0.3, step=2), row("survival", 0.5, 0.4, 0.6), row("nps", 3.0)])
    found = compared(old, new).changes.query("kind in ('gone', 'new')")
    assert found[["kind", "metric", "keys"]].to_numpy().tolist() == [["gone", "conversion", "step=1"], ["new", "conversion", "step=2"], ["new", "nps", ""]]
    assert found["estimate_before"].tolist()[0] == 0.2


def test_limits_of_another_level_are_brought_to_that_of_the_second_run() -> None:
    z = norm.ppf([0.95, 0.975])
    old = pack(SEP, [row("survival", 0.5, 0.5 - 0.01 * z[0], 0.5 + 0.01 * z[0])], conf_level=0.9)
    new = pack(OCT, [row("survival", 0.53, 0.53 - 0.01 * z[1], 0.53 + 0.01 * z[1])], conf_level=0.95)
    (change,) = compared(old, new).changes.to_dict("records")
    # standard errors of 0.01 each: 0.03 / (0.01 sqrt 2) = 2.12132
    assert change["p_value"] == pytest.approx(2 * norm.sf(2.121320), rel=1e-6)
    assert change["difference_low"] == pytest.approx(0.03 - z[1] * 0.0141421, abs=1e-6)


def test_other_parameters_versions_and_reports_are_named() -> None:
    old = pack(SEP, [row("survival", 0.5, 0.4, 0.6), row("survival", 0.1, 0.0, 0.2), row("nps", 1.0, report="voice")], by=None)
    new = pack(OCT, [row("survival", 0.5, 0.4, 0.6)], by="segment")
    told = " ".join(compared(old, new).notes)
    assert "only the first run has the report voice complete" in told
    assert "the runs differ in by" in told
    assert "2 figures share their keys" in told


def test_a_rate_outside_its_range_is_refused() -> None:
    with pytest.raises(ParameterError, match="rate must lie between 0 and 1"):
        compared(pack(SEP, [row("nps", 1.0)]), pack(OCT, [row("nps", 1.0)]), rate=1.0)


def test_a_folder_that_is_no_pack_is_refused(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(ReportError, match="must be a pack of reports"):
        compare_packs(tmp_path, tmp_path)


def test_nothing_in_common_is_nothing_to_compare() -> None:
    found = compared(pack(SEP, [row("nps", 1.0)]), pack(OCT, [row("nps", 1.0, report="voice")]))
    assert found.changes.empty
    assert pd.api.types.is_bool_dtype(found.changes["beyond_noise"])
    assert not found.worse
