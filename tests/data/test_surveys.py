"""Scales: what the field means by them, and that a registry is never changed in place."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from cs_analysis.data.surveys import SCALES, Scale, register_scale, scale_of
from cs_analysis.errors import ParameterError

PULSE = Scale(name="pulse", low=0, high=1, step=0.25, direction="high is good", top=(1,), bottom=(0,))


def test_net_promoter_scale():
    nps = scale_of("nps")
    assert nps.scores == tuple(range(11))
    passives = [score for score in nps.scores if score not in nps.top + nps.bottom]
    assert (nps.top, passives, nps.bottom) == ((9, 10), [7, 8], (0, 1, 2, 3, 4, 5, 6))


@pytest.mark.parametrize(("survey", "name"), [("nps", "nps"), ("csat", "csat_5"), ("ces", "ces_7")])
def test_usual_scales(survey, name):
    assert scale_of(survey) is SCALES[name]


@pytest.mark.parametrize(
    ("name", "low", "high", "top", "direction"),
    [
        ("csat_5", 1, 5, (4, 5), "high is good"),
        ("csat_7", 1, 7, (6, 7), "high is good"),
        ("csat_10", 1, 10, (9, 10), "high is good"),
        ("ces_7", 1, 7, (5, 6, 7), "high is good"),
        ("ces_5", 1, 5, (4, 5), "high is good"),
        ("ces_1", 1, 5, (1, 2), "low is good"),
        ("smile_3", 1, 3, (3,), "high is good"),
    ],
)
def test_built_in_scales(name, low, high, top, direction):
    scale = SCALES[name]
    assert (scale.name, scale.low, scale.high, scale.top, scale.direction) == (name, low, high, top, direction)
    assert scale.meaning


def test_the_scale_of_the_response_wins():
    assert scale_of("ces", "ces_1") is SCALES["ces_1"]
    assert scale_of("own survey", "csat_7") is SCALES["csat_7"]


def test_a_survey_of_ones_own_has_no_scale_until_it_is_registered():
    assert scale_of("pulse") is None
    assert scale_of("pulse", scales=register_scale(PULSE)) is PULSE
    assert scale_of("own survey", "pulse", scales=register_scale(PULSE)) is PULSE


def test_an_unknown_scale_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"one of nps, csat_5, .*smile_3, not 'csat5'\. Did you mean 'csat_5'\?"):
        scale_of("csat", "csat5")


def test_registering_leaves_the_registry_alone():
    before = dict(SCALES)
    larger = register_scale(PULSE)
    assert dict(SCALES) == before
    assert set(larger) - set(SCALES) == {"pulse"}
    with pytest.raises(TypeError):
        larger["x"] = PULSE
    assert register_scale(PULSE, scales=larger) == larger


def test_two_scales_of_one_name_are_refused():
    with pytest.raises(ParameterError, match="another scale 'csat_5' already"):
        register_scale(replace(SCALES["csat_7"], name="csat_5"))


def test_steps():
    assert PULSE.scores == (0, 0.25, 0.5, 0.75, 1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 5}, "low is below high"),
        ({"step": 0}, "whole steps"),
        ({"step": 0.3}, "whole steps"),
        ({"top": (6,)}, "top holds scores of the scale, not 6"),
        ({"bottom": (1.5,)}, "bottom holds scores of the scale, not 1.5"),
        ({"top": (2, 5)}, "no score is in top and in bottom, as 2 is"),
        ({"direction": "up"}, "direction is 'high is good' or 'low is good'"),
        ({"direction": "low is good"}, "follow the direction 'low is good'"),
        ({"name": " "}, "name is not empty"),
    ],
)
def test_a_scale_that_contradicts_itself_is_refused(fields, message):
    with pytest.raises(ParameterError, match=message):
        replace(SCALES["csat_5"], **fields)


def test_a_scale_is_frozen():
    with pytest.raises(FrozenInstanceError):
        PULSE.high = 2
