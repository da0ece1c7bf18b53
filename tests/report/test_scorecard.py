from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.report.collect import MIME
from cs_analysis.report.scorecard import KPIS, answers
from cs_analysis.report.scorecard_page import ScorecardPage, read_targets
from cs_analysis.stats.estimates import COLUMNS
from helpers import phases, utc

OCT = pd.Timestamp("2026-10-01")


@pytest.fixture(scope="module")
def by_hand() -> cs.Dataset:
    """Return 20 customers since 2025 and ten more from October 2026, of which the first five left in October; each with an answer to NPS in September."""
    names = [f"A{number:02}" for number in range(30)]
    begin = ["2025-01-01T00:00:00Z"] * 20 + ["2026-10-05T00:00:00Z"] * 10
    ends = ["2026-10-10T00:00:00Z" if number < 5 else None for number in range(30)]
    sold = phases(*((name, name, start, end, 100.0) for name, start, end in zip(names, begin, ends, strict=True)))
    asked = utc(*["2026-09-10T00:00:00Z"] * 20)
    scores = pd.DataFrame({"response_id": range(20), "account_id": names[:20], "survey": "nps", "asked_at": asked, "answered_at": asked})
    accounts = pd.DataFrame({"account_id": names, "started_at": utc(*begin)})
    return cs.read_dataset({"accounts": accounts, "subscriptions": sold, "responses": scores.assign(score=[10] * 12 + [7] * 3 + [0] * 5)}, as_of="2026-11-30")


@pytest.fixture(scope="module")
def company() -> cs.Dataset:
    ds, _ = cs.simulate_company(accounts=40, months=15, seed=3)
    return ds


def figure(table: pd.DataFrame, kpi: str, month: str) -> tuple[float, int]:
    rows = table[(table["kpi"] == kpi) & (table["period"] == pd.Timestamp(month))]
    return float(rows["estimate"].item()), int(rows["n"].item())


@pytest.mark.slow
def test_figures_by_hand(by_hand: cs.Dataset) -> None:
    table = cs.scorecard(by_hand, period="2026-10", kpis=["churn", "mrr", "nrr", "grr", "nps", "engagement"])
    assert tuple(table.columns) == ("kpi", "detail", "period", *COLUMNS)
    assert figure(table, "churn", "2026-10-01") == (5 / 20, 20)
    assert figure(table, "churn", "2026-09-01") == (0.0, 20)
    assert figure(table, "churn", "2025-10-01") == (0.0, 20)
    assert figure(table, "mrr", "2026-10-01") == (2500.0, 25)
    assert figure(table, "mrr", "2026-09-01") == (2000.0, 20)
    # a year ago 20 customers paid 2000; 15 of them still pay 100 each
    assert figure(table, "nrr", "2026-10-01") == (0.75, 20)
    assert figure(table, "grr", "2026-10-01") == (0.75, 20)
    september = cs.scorecard(by_hand, period="2026-09", kpis=["nps"])
    assert figure(september, "nps", "2026-09-01") == (100 * (12 - 5) / 20, 20)
    assert set(table["kpi"]) & {"nps", "engagement"} == set()


@pytest.mark.slow
def test_the_reason_stands_where_there_is_no_figure(by_hand: cs.Dataset) -> None:
    reasons = {answer.kpi.name: answer.reason for answer in answers(by_hand, OCT, kpis=["product_performance", "customer_roi", "nps", "churn"])}
    assert "needs the table 'checks'" in reasons["product_performance"]
    assert "has no column 'benefit'" in reasons["customer_roi"]
    assert reasons["nps"] == "nothing is known of this month."
    assert reasons["churn"] == ""


@pytest.mark.slow
def test_nothing_later_than_the_month_moves_a_figure(company: cs.Dataset) -> None:
    last = company.as_of.tz_localize(None).to_period("M") - 2
    early = company.at(str(last.end_time.date()))
    quick = ["product_performance", "churn", "nps", "product_usage", "fcr", "feedback", "nrr", "activation", "time_to_value"]  # of each way of asking some
    now, then = (cs.scorecard(ds, period=str(last), kpis=quick) for ds in (company, early))
    assert set(then["kpi"]) == set(quick)
    pd.testing.assert_frame_equal(now, then)


@pytest.mark.slow
def test_each_figure_is_that_of_its_metric(company: cs.Dataset) -> None:
    table = cs.scorecard(company, kpis=["product_usage", "arpu", "feedback", "time_to_value", "mrr"])
    month = table["period"].max()
    use = cs.active_users(company).query("window == '28d'").set_index("period")["estimate"]
    assert figure(table, "product_usage", str(month))[0] == use[month + pd.offsets.MonthEnd()]
    assert figure(table, "arpu", str(month))[0] == cs.arpu(company).set_index("period")["estimate"][month]
    themes = cs.comment_themes(company, by_class=False).query("metric == 'comment_themes'")
    assert figure(table, "feedback", str(month))[0] == themes["estimate"].max()
    waits = cs.time_to_value(company, quantiles=[0.5]).query("metric == 'time_to_value'")
    assert figure(table, "time_to_value", str(month))[0] == waits["estimate"].item()
    names = {kpi.name: kpi.metric for kpi in KPIS}
    assert (table["metric"] == table["kpi"].map(names)).all()
    assert np.isnan(table.loc[table["kpi"].isin(["mrr", "product_usage"]), "conf_low"]).all()


@pytest.mark.slow
def test_a_figure_can_be_asked_otherwise_and_its_benefit_be_given(by_hand: cs.Dataset) -> None:
    benefit = pd.DataFrame({"account_id": [f"A{number:02}" for number in range(5, 20)], "amount": 10_000.0})
    paid = cs.customer_roi(by_hand.at("2026-10-31"), benefit=benefit).set_index("metric")["estimate"]
    table = cs.scorecard(by_hand, period="2026-10", kpis=["customer_roi"], options={"customer_roi": {"benefit": benefit}})
    assert figure(table, "customer_roi", "2026-10-01")[0] == paid["customer_roi"]
    with pytest.raises(ParameterError, match="there is no key figure 'roi'"):
        cs.scorecard(by_hand, options={"roi": {}})


def test_a_month_to_come_and_a_level_without_sense_are_refused(by_hand: cs.Dataset) -> None:
    with pytest.raises(ParameterError, match="had not begun"):
        cs.scorecard(by_hand, period="2026-12")
    with pytest.raises(ParameterError, match="conf_level must lie"):
        cs.scorecard(by_hand, period="2026-10", conf_level=95)


def test_a_company_without_anything_to_say_has_an_empty_scorecard() -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "started_at": utc("2026-09-01T00:00:00Z")})
    table = cs.scorecard(cs.read_dataset({"accounts": accounts}, as_of="2026-10-31"), period="2026-10")
    assert table.empty
    assert tuple(table.columns) == ("kpi", "detail", "period", *COLUMNS)


@pytest.mark.parametrize("language", glossary.LANGUAGES)
def test_every_key_figure_has_a_name_a_definition_and_a_direction(language: str) -> None:
    named = [glossary.value_label("kpi", kpi.name, language) for kpi in KPIS]
    assert len(set(named)) == len(KPIS) == 19
    assert not set(named) & {kpi.name for kpi in KPIS}
    assert all(glossary.entry(kpi.metric, language).definition for kpi in KPIS)


def test_targets_are_read_from_texts_and_mappings() -> None:
    assert read_targets(None) == {}
    assert read_targets({"nps": 30}) == {"nps": 30.0}
    with pytest.raises(ParameterError, match="no key figure 'nrrr'"):
        read_targets(["nrrr=1"])
    with pytest.raises(ParameterError, match="a target must be a number"):
        read_targets(["nrr=high"])


@pytest.fixture
def shown(by_hand: cs.Dataset, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Return what the page of October displays, with three targets."""
    outputs: list[dict[str, object]] = []
    monkeypatch.setattr("cs_analysis.report.page.display", lambda bundle, **_: outputs.append(bundle))
    page = ScorecardPage(by_hand, title="Scorecard", period="2026-10")
    page.ask(kpis=["customer_roi", "churn", "mrr", "nrr"], targets=["churn=0.05", "mrr=2600", "nrr=0.7"])
    page.show_cards()
    page.show_table()
    page.show_left_out()
    return outputs


@pytest.mark.slow
def test_the_page_shows_cards_a_table_and_what_is_left_out(shown: list[dict[str, object]]) -> None:
    headline, cards, table, left_out = (str(output["text/html"]) for output in shown)
    assert ">Worse than in September 2026: Logo churn rate (25.0 percentage points up).<" in headline
    assert "Churn</p>" in cards
    assert "Logo churn rate: " in cards  # the definition, on hover
    # Wilson limits of 5 of 20: 11.2 % to 46.9 %; of 0 of 20: 0 to 16.1 %; 0.25 - sqrt(0.138^2 + 0.161^2) = 0.038
    assert "25.0 percentage points up from September 2026 (worse)" in cards
    assert "Target 5.0%: missed" in cards
    assert "Target €2,600: missed" in cards
    assert "Target 0.70: cannot be told yet" in cards
    assert "€500.00 up from September 2026 (better)" in cards
    assert '<a href="churn.html">Churn</a>' in table
    assert "+3.8 to +46.9 percentage points (worse)" in table
    assert "+€500.00 (better)" in table
    assert "the table &#x27;accounts&#x27; has no column &#x27;benefit&#x27;." in left_out
    assert "present:" not in left_out


@pytest.mark.slow
def test_the_numbers_travel_beside_the_page(shown: list[dict[str, object]]) -> None:
    headline, all_three = (output[MIME] for output in shown[1:3])
    assert (headline["kind"], all_three["kind"]) == ("kpi", "estimates")
    assert {row["period"] for row in headline["rows"]} == {"2026-10-01"}
    assert {row["period"] for row in all_three["rows"]} == {"2025-10-01", "2026-09-01", "2026-10-01"}
