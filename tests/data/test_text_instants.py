"""Dates and times in every order, with and without a zone."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_analysis.errors import ParameterError
from text_columns import read

NARROW = "\u202f"


class TestInstants:
    @pytest.mark.parametrize(
        ("cell", "instant"),
        [
            ("2026-03-01T10:20:30Z", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01 10:20:30z", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01t10:20Z", datetime(2026, 3, 1, 10, 20)),
            ("2026-03-01T10:20:30+02:00", datetime(2026, 3, 1, 8, 20, 30)),
            ("2026-03-01T10:20:30-0530", datetime(2026, 3, 1, 15, 50, 30)),
            ("2026-03-01 10:20+02", datetime(2026, 3, 1, 8, 20)),
            ("2026-03-01 10:20:30 +0200", datetime(2026, 3, 1, 8, 20, 30)),
            ("2026-03-01 10:20:30 UTC", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01T10:20:30.123456Z", datetime(2026, 3, 1, 10, 20, 30, 123456)),
            ("2026-03-01T10:20:30.123456789Z", datetime(2026, 3, 1, 10, 20, 30, 123456)),
            ("2026-03-01T10:20:30,5Z", datetime(2026, 3, 1, 10, 20, 30, 500000)),
            ("01.03.2026 10:20 +01:00", datetime(2026, 3, 1, 9, 20)),
            ("2026/03/01 10:20Z", datetime(2026, 3, 1, 10, 20)),
        ],
    )
    def test_an_instant_that_states_its_zone(self, cell, instant):
        for timezone in (None, "Asia/Tokyo"):
            column = read("instant", [cell], timezone)
            assert column.values() == [instant]
            assert column.flags("naive") == [False]
            assert column.findings == []
            assert column.type() == "TIMESTAMP"

    @pytest.mark.parametrize(
        ("cell", "local"),
        [
            ("2026-07-28", datetime(2026, 7, 28)),
            ("2026-7-8", datetime(2026, 7, 8)),
            ("2026-07-28 3:00", datetime(2026, 7, 28, 3)),
            ("2026-07-28T03:00:05.25", datetime(2026, 7, 28, 3, 0, 5, 250000)),
            ("28.07.2026", datetime(2026, 7, 28)),
            ("8.7.2026 3:05", datetime(2026, 7, 8, 3, 5)),
            ("28.07.2026, 03:00:05", datetime(2026, 7, 28, 3, 0, 5)),
            ("28/07/2026 03:00", datetime(2026, 7, 28, 3)),
            ("7/28/2026", datetime(2026, 7, 28)),
            ("7/28/2026 3:00 PM", datetime(2026, 7, 28, 15)),
            (f"7/28/2026, 3:00:05{NARROW}PM", datetime(2026, 7, 28, 15, 0, 5)),
            ("7/28/2026 12:30am", datetime(2026, 7, 28, 0, 30)),
            ("7/28/2026 12:30 p.m.", datetime(2026, 7, 28, 12, 30)),
            ("28-07-2026 03:00", datetime(2026, 7, 28, 3)),
            ("2026/07/28", datetime(2026, 7, 28)),
        ],
    )
    def test_an_instant_that_states_none(self, cell, local):
        without = read("instant", [cell, None])
        assert without.values() == [None, None]
        assert without.flags("naive") == [True, False]
        assert without.flags("missing") == [False, True]
        # Berlin is two hours ahead of UTC in July.
        within = read("instant", [cell, None], "Europe/Berlin")
        assert within.values() == [local.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(ZoneInfo("UTC")).replace(tzinfo=None), None]
        assert within.flags("naive") == [False, False]
        assert read("instant", [cell], "UTC").values() == [local]
        assert without.findings == within.findings == []

    def test_zone_by_row(self):
        cells = ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "2026-01-05", "2026-01-05T10:00:00-05"]
        column = read("instant", cells)
        assert column.values() == [datetime(2026, 1, 5, 10), None, None, datetime(2026, 1, 5, 15)]
        assert column.flags("naive") == [False, True, True, False]
        assert read("instant", cells, "Europe/Berlin").values() == [
            datetime(2026, 1, 5, 10),
            datetime(2026, 1, 5, 9),
            datetime(2026, 1, 4, 23),
            datetime(2026, 1, 5, 15),
        ]

    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["03/04/2026", "13/04/2026"], [datetime(2026, 4, 3), datetime(2026, 4, 13)]),
            (["03/04/2026", "04/13/2026"], [datetime(2026, 3, 4), datetime(2026, 4, 13)]),
            (["03-04-2026", "13-04-2026"], [datetime(2026, 4, 3), datetime(2026, 4, 13)]),
            (["03/03/2026", "04/04/2026"], [datetime(2026, 3, 3), datetime(2026, 4, 4)]),
        ],
    )
    def test_the_column_tells_day_from_month(self, cells, values):
        column = read("instant", cells, "UTC")
        assert column.values() == values
        assert column.findings == []

    def test_a_column_that_does_not_tell_day_from_month(self):
        column = read("instant", ["03/04/2026", "04/04/2026", None], "UTC")
        assert column.values() == [None, None, None]
        assert column.flags("clash") == [True, True, False]
        (finding,) = column.findings
        assert (finding.severity, finding.rule, finding.rows, finding.first_row, finding.example) == ("error", "mixed date formats", 2, 1, "03/04/2026")
        assert "yyyy-mm-dd" in finding.what_to_do

    def test_days_and_months_in_both_orders(self):
        column = read("instant", ["13/04/2026", "14/04/2026", "04/15/2026", "01/02/2026"], "UTC")
        assert column.values() == [datetime(2026, 4, 13), datetime(2026, 4, 14), None, datetime(2026, 2, 1)]
        assert column.flags("clash") == [False, False, True, False]
        assert [(found.rule, found.rows, found.first_row, found.example) for found in column.findings] == [("mixed date formats", 1, 3, "04/15/2026")]

    @pytest.mark.parametrize("usual", ["2026-04-13", "13.04.2026", "13/04/2026", "2026-04-13T00:00Z"])
    @pytest.mark.parametrize("rare", ["2026-04-14 10:00", "14.04.2026", "14/04/2026", "14-04-2026", "2026/04/14"])
    def test_two_formats_in_one_column(self, usual, rare):
        same = usual[:10].translate(str.maketrans("0123456789", "9" * 10)) == rare[:10].translate(str.maketrans("0123456789", "9" * 10))
        column = read("instant", [usual, usual, "-", rare], "UTC")
        assert column.values()[:3] == [datetime(2026, 4, 13), datetime(2026, 4, 13), None]
        if same:
            assert column.findings == []
            assert column.values()[3] is not None
        else:
            assert column.values()[3] is None
            assert column.flags("clash") == [False, False, False, True]
            assert [(found.severity, found.rule, found.rows, found.first_row, found.example) for found in column.findings] == [
                ("error", "mixed date formats", 1, 4, rare)
            ]

    @pytest.mark.parametrize(
        "cell",
        [
            "2026-02-30",
            "31.04.2026",
            "2026-13-01",
            "2026-01-05 25:00",
            "2026-01-05 10:60",
            "01.02.26",
            "20260105",
            "45123",
            "yesterday",
            "infinity",
            "epoch",
            "0000-00-00",
            "2026-01-05 (BC)",
            "2026-01-05 10",
            "2026-W10",
            "12026-01-05",
            "2026-01-05 13:00 PM",
            "2026-01-05 10:00 Europe/Berlin",
        ],
    )
    def test_what_is_no_instant_is_unreadable(self, cell):
        for timezone in (None, "UTC"):
            column = read("instant", ["2026-01-05T10:00:00Z", cell, "2026-01-06T10:00:00Z"], timezone)
            assert column.values() == [datetime(2026, 1, 5, 10), None, datetime(2026, 1, 6, 10)]
            assert column.flags("naive") == [False, False, False]
            assert column.flags("missing") == [False, False, False]

    def test_a_column_of_nothing_readable(self):
        column = read("instant", ["soon", "later"])
        assert column.values() == [None, None]
        assert column.flags("naive") == [False, False]
        assert column.type() == "TIMESTAMP"

    def test_clock_changes(self):
        # Berlin, 2026: 02:00-03:00 does not exist on 29 March and comes twice on 25 October.
        column = read(
            "instant", ["29.03.2026 01:59", "29.03.2026 02:30", "29.03.2026 03:00", "25.10.2026 01:59", "25.10.2026 02:30", "25.10.2026 03:00"], "Europe/Berlin"
        )
        assert column.values() == [
            datetime(2026, 3, 29, 0, 59),
            datetime(2026, 3, 29, 1, 30),
            datetime(2026, 3, 29, 1, 0),
            datetime(2026, 10, 24, 23, 59),
            datetime(2026, 10, 25, 1, 30),
            datetime(2026, 10, 25, 2, 0),
        ]

    def test_an_unknown_zone_is_refused(self):
        with pytest.raises(ParameterError, match=r"'Europe/Berln'.*Did you mean 'Europe/Berlin'"):
            read("instant", ["2026-01-05"], "Europe/Berln")

    @pytest.mark.slow
    @settings(max_examples=40, deadline=None)
    @given(
        instants=st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=6),
        style=st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S"]),
    )
    def test_instants_come_back_in_every_style(self, instants, style):
        cells = [instant.strftime(style) for instant in instants]
        assert read("instant", cells, "UTC").values() == [datetime.strptime(cell, style) for cell in cells]


class TestMonths:
    @pytest.mark.parametrize(
        "cell",
        [
            "2026-03",
            "2026-03-01",
            "2026-03-31",
            "2026-3",
            "2026/03",
            "03.2026",
            "01.03.2026",
            "03/2026",
            "03-2026",
            "2026-03-01T00:00:00Z",
            "2026-03-01T00:00+02:00",
            "31.03.2026 00:00",
            "31/03/2026",
        ],
    )
    def test_a_month_is_its_first_day(self, cell):
        column = read("month", [cell])
        assert column.values() == [date(2026, 3, 1)]
        assert column.type() == "DATE"
        assert column.flags("naive") is None
        assert column.findings == []

    @pytest.mark.parametrize("cell", ["2026-13", "13.2026", "March 2026", "2026", "202603", "3/26"])
    def test_what_is_no_month_is_unreadable(self, cell):
        assert read("month", ["2026-02", cell] if "-" in cell else ["02.2026", cell]).values() == [date(2026, 2, 1), None]

    def test_two_formats_in_one_column(self):
        column = read("month", ["2026-03", "2026-04-01", "05.2026"])
        assert column.values() == [date(2026, 3, 1), date(2026, 4, 1), None]
        assert [(found.rule, found.first_row) for found in column.findings] == [("mixed date formats", 3)]
