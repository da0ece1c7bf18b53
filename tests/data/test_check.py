from pathlib import Path

import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases, utc

FAULTY = {
    "accounts.csv": (
        "account_id,started_at,touch,seats,name\n"
        "A1,2026-01-01T00:00:00Z,high,10,Acme\n"
        "A2,2026-01-01T00:00:00Z,medium,12,Globex\n"  # touch is neither high nor low
        "A2,2026-01-05T00:00:00Z,low,12,Globex\n"  # the account twice
        "A4,2026-01-01T00:00:00Z,low,many,MÃ¼ller\n"  # seats no number; UTF-8 read as Latin
    ),
    "users.csv": "user_id,account_id,created_at\nU1,A1,2026-01-02T00:00:00Z\n,A1,2026-01-02T00:00:00Z\nU3,A9,2026-01-02T00:00:00Z\n",
    "events.csv": (
        "event_at,account_id,user_id,event\n"
        "2025-12-31T10:00:00Z,A1,U1,login\n"  # before its account
        "2026-01-02T10:00:00Z,A1,U1,login\n"
        "2026-01-03 10:00:00,A1,U1,login\n"  # no time zone
        "2026-01-04T10:00:00Z,A1,U1,login\n"  # the last one, long before as_of
    ),
    "subscriptions.csv": (
        "subscription_id,account_id,started_at,ended_at,mrr,currency\n"
        "S1,A1,2026-01-01T00:00:00Z,2026-03-01T00:00:00Z,100,EUR\n"
        "S1,A1,2026-02-01T00:00:00Z,,120,EUR\n"  # overlaps the phase before
        "S2,A4,2026-01-01T00:00:00Z,,-5,USD\n"  # negative; a second currency without rates
        "S3,A4,2026-01-01T00:00:00Z,,,EUR\n"  # no amount
    ),
    "orders.csv": 'order_id,account_id,ordered_at,currency,margin\nO1,A1,2026-01-09T00:00:00Z,EUR,"1,5"\nO2,A1,2026-01-09T00:00:00Z,EUR,2.5\n',
    "tickets.csv": "ticket_id,account_id,opened_at,resolved_at\nT1,A1,2026-02-02T00:00:00Z,2026-02-01T00:00:00Z\n",  # resolved before opened
    "responses.csv": (
        "response_id,account_id,survey,asked_at,answered_at,score,scale\n"
        "R1,A1,nps,2026-02-02T00:00:00Z,2026-02-03T00:00:00Z,11,\n"  # NPS ends at 10
        "R2,A1,nps,2026-02-02T00:00:00Z,2026-02-03T00:00:00Z,9,stars\n"  # a scale nobody knows
    ),
    "goals.csv": (
        "account_id,goal,set_at\nA1,more,2026-01-04T00:00:00Z\nA1,faster,2026-01-05T00:00:00Z\nA1,better,14.01.2026\n"  # two ways of writing a date
    ),
    "actions.csv": "account_id,action,acted_at,Action\nA1,webinar,2026-01-04T00:00:00Z,webinar\n",  # one column twice
    "messages.csv": (
        "message_id,thread_id,account_id,sent_at,direction\nM1,X,A1,2026-01-04T00:00:00Z,in\nM2,X,A1,2026-01-04T00:00:00Z,out,what,is,this\n"  # too many cells
    ),
    "checks.csv": "checked_at,up\n" + "".join(f"2026-02-{day:02d}T00:00:00Z,true\n" for day in (1, 2, 3, 4, 20, 21, 22, 23, 24, 25, 26, 27, 28)),  # a hole
    "touchpoints.csv": "touched_at,lead_id,stage\n2026-01-01T00:00:00Z,L1,\n",  # no stage
}


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    for name, text in FAULTY.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


EXPECTED = {
    # severity, table, column, rule: rows, first row
    ("error", "accounts", "touch", "wrong type"): (1, 2),
    ("error", "accounts", "account_id", "duplicate key"): (1, 3),
    ("error", "accounts", "seats", "wrong type"): (1, 4),
    ("warning", "accounts", "name", "encodings"): (1, 4),
    ("error", "users", "user_id", "empty key"): (1, 2),
    ("error", "users", "account_id", "unknown reference"): (1, 3),
    ("warning", "events", "event_at", "event before its account"): (1, 1),
    ("error", "events", "event_at", "instant without time zone"): (1, 3),
    ("warning", "events", "event_at", "feed ends before as_of"): (0, 0),
    ("error", "subscriptions", "started_at", "overlapping phases of one subscription"): (1, 2),
    ("error", "subscriptions", "mrr", "negative mrr"): (1, 3),
    ("error", "subscriptions", "mrr", "empty value"): (1, 4),
    ("error", "rates", "currency", "several currencies without rates"): (0, 0),
    ("error", "orders", "amount", "missing table or column"): (0, 0),
    ("error", "orders", "margin", "locale decimals"): None,
    ("error", "tickets", "resolved_at", "end before start"): (1, 1),
    ("error", "responses", "score", "score outside its scale"): (1, 1),
    ("error", "responses", "scale", "unknown reference"): (1, 2),
    ("error", "goals", "set_at", "mixed date formats"): (1, 3),
    ("error", "actions", "action", "duplicate column"): None,
    ("error", "messages", "", "unreadable row"): (1, 2),
    ("warning", "checks", "checked_at", "gap in the feed"): (0, 0),
    ("error", "touchpoints", "stage", "empty value"): (1, 1),
}


@pytest.mark.slow
def test_a_folder_with_twenty_three_different_faults_lists_them_all_at_once(faulty: Path) -> None:
    found = cs.check_dataset(faulty, as_of="2026-03-01")
    listed = {(f.severity, f.table, f.column, f.rule): (f.rows, f.first_row) for f in found.itertuples()}
    assert [key for key in EXPECTED if key not in listed] == []
    assert {key: listed[key] for key, place in EXPECTED.items() if place} == {key: place for key, place in EXPECTED.items() if place}


@pytest.mark.slow
def test_every_finding_says_what_to_do_and_errors_come_first(faulty: Path) -> None:
    found = cs.check_dataset(faulty, as_of="2026-03-01")
    assert found["what_to_do"].str.len().min() > 20
    assert found["severity"].tolist() == sorted(found["severity"])


@pytest.mark.slow
def test_an_example_is_the_cell_as_the_source_has_it(faulty: Path) -> None:
    found = cs.check_dataset(faulty, as_of="2026-03-01").set_index(["table", "column", "rule"])["example"]
    assert found["accounts", "seats", "wrong type"] == "many"
    assert found["events", "event_at", "instant without time zone"] == "2026-01-03 10:00:00"
    assert found["subscriptions", "mrr", "negative mrr"] == "-5"


@pytest.mark.slow
def test_reading_raises_with_all_errors_in_message_and_violations(faulty: Path) -> None:
    with pytest.raises(cs.errors.ContractError, match="negative mrr") as caught:
        cs.read_dataset(faulty, as_of="2026-03-01")
    message = str(caught.value)
    errors = [key for key in EXPECTED if key[0] == "error"]
    assert [key for key in errors if key[3] not in message] == []
    assert set(caught.value.violations["severity"]) == {"error", "warning"}


def test_a_sound_dataset_has_no_findings() -> None:
    tables = {"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-01", None, 10))}
    assert cs.check_dataset(tables, as_of="2026-03-01").empty


def test_rows_and_values_after_as_of_are_not_checked() -> None:
    later = {
        "accounts": accounts(a="2026-01-01", z="2027-01-01"),
        "responses": pd.DataFrame(
            {
                "response_id": ["r1", "r2"],
                "account_id": ["a", "a"],
                "survey": "nps",
                "asked_at": utc("2026-01-02", "2027-01-02"),
                "answered_at": utc("2027-01-03", "2027-01-03"),
                "score": [99, 99],
            }
        ),
    }
    assert cs.check_dataset(later, as_of="2026-03-01").empty
    assert cs.check_dataset(later, as_of="2027-03-01")["rule"].tolist() == ["score outside its scale"]


@pytest.mark.parametrize(
    ("days", "as_of", "rules"),
    [
        (["2026-01-05", "2026-01-06", "2026-01-07"], "2026-01-10", []),
        (["2026-01-05", "2026-01-06", "2026-01-07"], "2026-01-11", ["feed ends before as_of"]),
        (["2026-01-01", "2026-01-02", "2026-01-10", "2026-01-11"], "2026-01-11", ["gap in the feed"]),
        (["2026-01-01", "2026-01-09", "2026-01-17", "2026-01-30"], "2026-02-10", []),  # a sparse feed is no feed with holes
    ],
)
def test_silence_in_a_feed_is_judged_by_its_own_rhythm(days: list[str], as_of: str, rules: list[str]) -> None:
    feed = pd.DataFrame({"event_at": utc(*days), "account_id": "a", "user_id": "u", "event": "e"})
    found = cs.check_dataset({"accounts": accounts(a="2026-01-01"), "events": feed}, as_of=as_of)
    assert found["rule"].tolist() == rules


def test_a_reference_is_checked_only_when_its_table_is_there() -> None:
    asked = pd.DataFrame({"response_id": ["r"], "account_id": ["a"], "user_id": ["nobody"], "survey": ["nps"], "asked_at": utc("2026-01-02")})
    tables = {"accounts": accounts(a="2026-01-01"), "responses": asked}
    users = pd.DataFrame({"user_id": ["u"], "account_id": ["a"], "created_at": utc("2026-01-01")})
    assert cs.check_dataset(tables, as_of="2026-03-01").empty
    assert cs.check_dataset({**tables, "users": users}, as_of="2026-03-01")["rule"].tolist() == ["unknown reference"]


def test_a_misspelt_column_is_suggested() -> None:
    table = pd.DataFrame({"account_id": ["a"], "startedat": utc("2026-01-01")})
    found = cs.check_dataset({"accounts": table}, as_of="2026-03-01")
    assert found["rule"].tolist() == ["missing table or column"]
    assert "Is it 'startedat'?" in found["what_to_do"].iloc[0]


def test_a_folder_without_accounts_says_so(tmp_path: Path) -> None:
    found = cs.check_dataset(tmp_path, as_of="2026-03-01")
    assert found[["table", "rule", "example"]].values.tolist() == [["accounts", "missing table or column", "missing table: accounts"]]


def test_a_file_that_looks_meant_as_a_table_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    for name in ("accounts.csv", "event.csv", "subscriptions.xlsx", "notes.txt", "account.csv"):
        (tmp_path / name).write_text("account_id,started_at\na,2026-01-01T00:00Z\n")
    found = cs.check_dataset(tmp_path, as_of="2026-03-01")
    assert found[["severity", "rule", "example"]].values.tolist() == [
        ["warning", "file not read", "event.csv"],
        ["warning", "file not read", "subscriptions.xlsx"],
    ]
    assert found["what_to_do"].tolist() == [
        "Rename it to events.csv, if it holds the table 'events'.",
        "Save it as subscriptions.csv or subscriptions.parquet, if it holds the table 'subscriptions'.",
    ]


def test_two_files_for_one_table_are_refused(tmp_path: Path) -> None:
    for name in ("accounts.csv", "accounts.txt"):
        (tmp_path / name).write_text("account_id,started_at\na,2026-01-01T00:00Z\n")
    found = cs.check_dataset(tmp_path, as_of="2026-03-01")
    assert found["rule"].tolist() == ["unreadable file"]
    assert found["example"].iloc[0] == "accounts.csv, accounts.txt"


class TestCurrencies:
    def tables(self, **rates: float) -> dict[str, pd.DataFrame]:
        sold = phases(("s", "a", "2026-01-10", "2026-02-10", 10), ("t", "a", "2026-01-10", None, 20), currency=["USD", "EUR"])
        frame = pd.DataFrame({"month": [key.replace("m", "2026-0") for key in rates], "currency": "USD", "rate": list(rates.values())})
        return {"accounts": accounts(a="2026-01-01"), "subscriptions": sold, "rates": frame}

    def test_every_month_in_which_a_currency_is_used_needs_a_rate(self) -> None:
        found = cs.check_dataset(self.tables(m1=0.9), as_of="2026-03-31")
        assert found[["rule", "rows", "example"]].values.tolist() == [["several currencies without rates", 1, "USD 2026-02"]]

    def test_the_currency_without_rates_is_the_reporting_one(self) -> None:
        assert cs.read_dataset(self.tables(m1=0.9, m2=0.8), as_of="2026-03-31").currency == "EUR"

    def test_a_rate_must_be_positive(self) -> None:
        found = cs.check_dataset(self.tables(m1=0.9, m2=-1.0), as_of="2026-03-31")
        assert ("rates", "rate", "wrong type") in set(found[["table", "column", "rule"]].itertuples(index=False, name=None))

    def test_another_reporting_currency_needs_rates_for_the_only_one_used(self) -> None:
        tables = {"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-10", None, 10))}
        assert cs.check_dataset(tables, as_of="2026-03-31", currency="USD")["rule"].tolist() == ["several currencies without rates"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("zone", "as_of", "start", "end", "months"),
        [
            ("America/New_York", "2026-03-31", "2026-03-10", None, ["2026-03"]),  # as_of is in April already in UTC
            ("Europe/Berlin", "2026-05-15", "2026-03-31T22:30", None, ["2026-04", "2026-05"]),  # 00:30 on 1 April in Berlin
            ("Europe/Berlin", "2026-05-15", "2026-03-10", "2026-03-31T22:00", ["2026-03"]),  # ends at 00:00 on 1 April
            ("America/New_York", "2026-04-15", "2026-04-01T00:30", None, ["2026-03", "2026-04"]),  # evening of 31 March
        ],
    )
    def test_months_are_those_of_the_calendar(self, zone: str, as_of: str, start: str, end: str | None, months: list[str]) -> None:
        sold = phases(("s", "a", "2026-01-10", None, 10), ("t", "a", start, end, 20), currency=["EUR", "USD"])
        rates = pd.DataFrame({"month": months, "currency": "USD", "rate": 0.5})
        tables = {"accounts": accounts(a="2026-01-01"), "subscriptions": sold, "rates": rates}
        assert cs.check_dataset(tables, as_of=as_of, timezone=zone).empty
        found = cs.mrr(cs.read_dataset(tables, as_of=as_of, timezone=zone)).set_index("period")["estimate"]
        assert found[pd.Timestamp(months[0])] == 20  # 10 EUR + 20 USD at .5
        fewer = {**tables, "rates": rates.iloc[1:]}
        assert not cs.check_dataset(fewer, as_of=as_of, timezone=zone).empty

    def test_a_rate_is_known_from_the_first_of_its_month_in_the_zone(self) -> None:
        ds = cs.read_dataset(self.tables(m1=0.5, m2=0.5), as_of=pd.Timestamp("2026-02-01 00:30", tz="Asia/Kathmandu"), timezone="Asia/Kathmandu")
        assert cs.mrr(ds)["estimate"].tolist() == [25, 25]  # 20 EUR + 10 USD at .5


def test_an_instant_before_1900_is_a_sentinel_not_a_date() -> None:
    feed = pd.DataFrame({"event_at": ["0001-01-01T00:00:00Z", "2026-01-05T00:00:00Z"], "account_id": "a", "user_id": "u", "event": "e"})
    found = cs.check_dataset({"accounts": accounts(a="2026-01-01"), "events": feed}, as_of="2026-01-05")
    assert found.loc[found["severity"] == "error", ["rule", "column", "rows", "first_row"]].values.tolist() == [["wrong type", "event_at", 1, 1]]
    assert "gap in the feed" not in set(found["rule"])


def test_an_account_listed_again_later_changes_no_warning() -> None:
    people = pd.concat([accounts(a="2026-01-01"), accounts(a="2026-09-01")])
    used = pd.DataFrame({"event_at": utc("2026-02-01"), "account_id": "a", "user_id": "u", "event": "e"})
    assert cs.check_dataset({"accounts": people, "events": used}, as_of="2026-02-02").empty


def test_the_end_of_a_feed_is_counted_in_local_days() -> None:
    days = pd.date_range("2026-01-01T23:00", "2026-06-27T23:00", freq="D", tz="UTC")
    feed = pd.DataFrame({"event_at": days, "account_id": "a", "user_id": "u", "event": "e"})
    tables = {"accounts": accounts(a="2026-01-01"), "events": feed}
    assert cs.check_dataset(tables, as_of="2026-06-30", timezone="America/New_York").empty  # three days, as in UTC


@pytest.mark.parametrize(
    ("scale", "fine"),
    [
        (cs.Scale(name="Pulse", low=1, high=4, direction="high is good", top=(4,), bottom=(1,)), 3),
        (cs.Scale(name="pulse", low=0, high=1, step=0.1, direction="high is good", top=(1,), bottom=(0,)), 0.3),
    ],
)
def test_a_scale_of_ones_own_checks_scores_whatever_its_capitals_and_steps(scale: cs.Scale, fine: float) -> None:
    asked = {"response_id": ["r", "q"], "account_id": "a", "survey": "Pulse", "asked_at": utc("2026-01-02", "2026-01-02")}
    answers = pd.DataFrame({**asked, "answered_at": utc("2026-01-03", "2026-01-03"), "score": [fine, 9]})
    found = cs.check_dataset({"accounts": accounts(a="2026-01-01"), "responses": answers}, as_of="2026-02-01", scales=cs.register_scale(scale))
    assert found[["rule", "rows", "first_row"]].values.tolist() == [["score outside its scale", 1, 2]]
