"""Ranges with open and closed ends: what lies in them, and where a set of them overlaps or leaves numbers out."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.facts.health_spans import Cut, Span, clashes, span_of


@pytest.mark.parametrize(
    ("limits", "inside"),
    [
        ({"above": 5, "at_most": 10}, [False, False, True, True, False]),
        ({"at_least": 5, "below": 10}, [False, True, True, False, False]),
        ({"below": 10}, [True, True, True, False, False]),
        ({}, [True, True, True, True, True]),
    ],
)
def test_which_numbers_lie_in_a_range(limits: dict[str, float], inside: list[bool]) -> None:
    assert span_of(limits).holds(np.array([4.9, 5, 7, 10, 10.1])).tolist() == inside
    assert span_of(limits).holds(np.array([np.nan])).tolist() == [False]
    assert span_of(limits).limits() == limits


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        ([{"below": 5}, {"at_least": 5}], []),
        ([{"at_least": 5}, {"below": 5}], []),  # in any order
        ([{"below": 5}, {"above": 5}], [("gap", 1, "at least 5 and at most 5")]),
        ([{"at_most": 5}, {"at_least": 5}], [("overlap", 1, "at least 5 and at most 5")]),
        ([{"at_most": 5}, {"at_least": 4, "below": 8}, {"at_least": 8}], [("overlap", 1, "at least 4 and at most 5")]),
        ([{"at_least": 0, "below": 5}, {"at_least": 5}], [("gap", 0, "below 0")]),
        ([{"below": 5}], [("gap", 0, "at least 5")]),
        ([{"at_least": 9, "below": 5}, {"below": 5}], [("inverted limits", 0, "at least 9 and below 5")]),
        ([{"above": 5, "at_most": 5}], [("inverted limits", 0, "above 5 and at most 5")]),
    ],
)
def test_ranges_that_overlap_or_leave_numbers_out(ranges: list[dict[str, float]], found: list[tuple[str, int, str]]) -> None:
    assert clashes([span_of(limits) for limits in ranges]) == found


def test_a_single_number_is_a_range() -> None:
    assert clashes([span_of({"below": 5}), span_of({"at_least": 5, "at_most": 5}), span_of({"above": 5})]) == []


def test_ranges_may_reach_beyond_what_they_have_to_cover() -> None:
    within = Span(Cut(0.0, after=False), Cut(100.0, after=True))
    assert clashes([span_of({"below": 50}), span_of({"at_least": 50})], within=within) == []
    assert clashes([span_of({"at_least": 0, "at_most": 100})], within=within) == []
    assert clashes([span_of({"above": 0, "at_most": 100})], within=within) == [("gap", 0, "at least 0 and at most 0")]
