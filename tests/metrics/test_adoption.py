import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events, utc


def company(**more: object) -> cs.Dataset:
    tables = {
        "accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-20", late="2026-03-01").assign(segment=["x", "x", "y", "y"]),
        "events": events(
            ("2026-01-02", "a", "u1", "report"),
            ("2026-01-15", "a", "u1", "report"),
            ("2026-01-11", "b", "u2", "report"),  # exactly ten days after the start
            ("2026-01-21", "c", "u3", "login"),
        ),
    }
    return cs.read_dataset({**tables, **more}, as_of="2026-01-31")


def shares(table: pd.DataFrame) -> dict[str, tuple[float, int]]:
    return {row.event: (round(row.estimate, 4), row.n) for row in table.itertuples()}


def test_adopters_over_all_accounts_for_every_event() -> None:
    assert shares(cs.adoption_rate(company())) == {"login": (0.3333, 3), "report": (0.6667, 3)}


def test_the_textbook_case_of_250_in_1000() -> None:
    names = [f"a{number}" for number in range(1000)]
    people = pd.DataFrame({"account_id": names, "started_at": utc("2026-01-01").repeat(1000)})
    used = pd.DataFrame({"event_at": utc("2026-01-05").repeat(250), "account_id": names[:250], "user_id": "u", "event": "report"})
    found = cs.adoption_rate(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-31")).iloc[0]
    assert (found["estimate"], found["n"]) == (0.25, 1000)
    # Wilson by hand: (p + z^2/2n +- z sqrt(p q / n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    assert (round(found["conf_low"], 6), round(found["conf_high"], 6)) == (0.224153, 0.277760)


def test_more_uses_can_be_asked_for() -> None:
    assert shares(cs.adoption_rate(company(), "report", minimum_uses=2)) == {"report": (0.3333, 3)}


def test_within_a_window_its_end_counts_and_young_accounts_are_not_eligible_yet() -> None:
    assert shares(cs.adoption_rate(company(), "report", within="10d")) == {"report": (0.6667, 3)}
    assert shares(cs.adoption_rate(company(), "report", within="9d")) == {"report": (0.3333, 3)}
    assert shares(cs.adoption_rate(company(), "report", within="15d")) == {"report": (1.0, 2)}


def test_a_group_without_adopters_is_a_zero_not_a_gap() -> None:
    found = cs.adoption_rate(company(), "report", by="segment").set_index("segment")
    assert found["estimate"].to_dict() == {"x": 1.0, "y": 0.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"event": "reprot"}, "no event is named"), ({"minimum_uses": 0}, "at least 1"), ({"within": 14}, "14d"), ({"by": "colour"}, "no column 'colour'")],
)
def test_other_arguments_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(cs.errors.CSAnalysisError, match=message):
        cs.adoption_rate(company(), **options)


def test_without_events_the_missing_table_is_named() -> None:
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-01-31")
    with pytest.raises(cs.errors.MissingTableError, match="'events'"):
        cs.adoption_rate(ds)


def test_a_use_before_the_account_is_not_within_its_window() -> None:
    early = events(("2025-12-20", "a", "u1", "report"), ("2026-01-02", "b", "u2", "report"))
    assert shares(cs.adoption_rate(company(events=early), "report", within="10d")) == {"report": (0.3333, 3)}
