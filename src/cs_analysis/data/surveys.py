"""Answer scales of surveys: which scores there are, which way is good, and which count as positive or negative.

A registry is a plain mapping of names to scales. `register_scale` returns a larger one; nothing is changed in place, so a
dataset can carry its own registry and two datasets never disturb each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isclose
from types import MappingProxyType
from typing import Literal, get_args

from cs_analysis.errors import ParameterError

Direction = Literal["high is good", "low is good"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One answer scale.

    Parameters
    ----------
    name : str
        Name of the scale, as `responses.scale` bears it.
    low, high : float
        Smallest and largest score.
    step : float
        Distance between two scores.
    direction : {"high is good", "low is good"}
        Which end of the scale is the good one.
    top, bottom : tuple of float
        Scores counted as positive and as negative answers.
    meaning : str
        The question, or what its ends say.

    Raises
    ------
    ParameterError
        The fields contradict each other; the message names every contradiction.

    Examples
    --------
    >>> Scale(name="stars", low=1, high=5, direction="high is good", top=(5,), bottom=(1, 2)).scores
    (1, 2, 3, 4, 5)
    """

    name: str
    low: float
    high: float
    direction: Direction
    top: tuple[float, ...]
    bottom: tuple[float, ...]
    step: float = 1
    meaning: str = ""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ParameterError(f"the scale {self.name!r} must hold together: {'; '.join(problems)}.")

    @property
    def scores(self) -> tuple[float, ...]:
        """All scores, from the lowest."""
        return tuple(round(self.low + position * self.step, 10) for position in range(round((self.high - self.low) / self.step) + 1))


def _problems(scale: Scale) -> Iterator[str]:
    """Yield what contradicts itself in a scale."""
    if not scale.name.strip():
        yield "name is not empty"
    if scale.direction not in get_args(Direction):
        yield f"direction is 'high is good' or 'low is good', not {scale.direction!r}"
    if not scale.low < scale.high:
        yield f"low is below high, which {scale.low} is not below {scale.high}"
    elif not (scale.step > 0 and isclose((scale.high - scale.low) / scale.step, round((scale.high - scale.low) / scale.step))):
        yield f"step leads from low to high in whole steps, which {scale.step} does not"
    else:
        yield from _box_problems(scale)


def _box_problems(scale: Scale) -> Iterator[str]:
    for name, box in (("top", scale.top), ("bottom", scale.bottom)):
        if off := [score for score in box if score not in scale.scores]:
            yield f"{name} holds scores of the scale, not {off[0]}"
    if both := set(scale.top) & set(scale.bottom):
        yield f"no score is in top and in bottom, as {min(both)} is"
    better, worse = (scale.top, scale.bottom) if scale.direction == "high is good" else (scale.bottom, scale.top)
    if better and worse and min(better) < max(worse):
        yield f"top and bottom follow the direction {scale.direction!r}"


_BUILT_IN = (
    Scale(
        name="nps",
        low=0,
        high=10,
        direction="high is good",
        top=(9, 10),
        bottom=(0, 1, 2, 3, 4, 5, 6),
        meaning="How likely are you to recommend us? 0 not at all likely, 10 extremely likely (promoters 9-10, detractors 0-6)",
    ),
    Scale(name="csat_5", low=1, high=5, direction="high is good", top=(4, 5), bottom=(1, 2), meaning="1 very dissatisfied, 5 very satisfied"),
    Scale(name="csat_7", low=1, high=7, direction="high is good", top=(6, 7), bottom=(1, 2), meaning="1 very dissatisfied, 7 very satisfied"),
    Scale(name="csat_10", low=1, high=10, direction="high is good", top=(9, 10), bottom=(1, 2), meaning="1 very dissatisfied, 10 very satisfied"),
    Scale(
        name="ces_7",
        low=1,
        high=7,
        direction="high is good",
        top=(5, 6, 7),
        bottom=(1, 2, 3),
        meaning="CES 2.0: the company made it easy to handle my issue. 1 strongly disagree, 7 strongly agree",
    ),
    Scale(name="ces_5", low=1, high=5, direction="high is good", top=(4, 5), bottom=(1, 2), meaning="1 very difficult, 5 very easy"),
    Scale(
        name="ces_1",
        low=1,
        high=5,
        direction="low is good",
        top=(1, 2),
        bottom=(4, 5),
        meaning="CES 1.0: how much effort did you personally have to put forth? 1 very low, 5 very high",
    ),
    Scale(name="smile_3", low=1, high=3, direction="high is good", top=(3,), bottom=(1,), meaning="1 not good, 2 okay, 3 great"),
)

SCALES: Mapping[str, Scale] = MappingProxyType({scale.name: scale for scale in _BUILT_IN})
"""The scales that are known without being registered.

References
----------
Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review, 81(12), 46-54. (nps)

Dixon, M., Freeman, K., & Toman, N. (2010). Stop trying to delight your customers. Harvard Business Review, 88(7/8),
116-122. (ces_1)

Dixon, M., Toman, N., & DeLisi, R. (2013). The Effortless Experience. Portfolio. (ces_7)

Fornell, C., Johnson, M. D., Anderson, E. W., Cha, J., & Bryant, B. E. (1996). The American Customer Satisfaction Index:
nature, purpose, and findings. Journal of Marketing, 60(4), 7-18. (ten-point satisfaction)
"""

DEFAULT_SCALES: Mapping[str, str] = MappingProxyType({"nps": "nps", "csat": "csat_5", "ces": "ces_7"})
"""Survey -> name of its usual scale."""

SURVEYS: Mapping[str, str] = MappingProxyType({scale.name: "csat" if scale.name == "smile_3" else scale.name.split("_")[0] for scale in _BUILT_IN})
"""Built-in scale -> the survey whose question it answers."""


def folded(name: str) -> str:
    """Return the name of a survey or a scale as code words are read: capitals and the Turkish dotless i make no difference."""
    return name.translate(str.maketrans("İIı", "iii")).lower()


def scale_of(survey: str, scale: str | None = None, *, scales: Mapping[str, Scale] = SCALES) -> Scale | None:
    """Return the scale on which a survey was answered, or None for a survey of one's own whose scores are not checked.

    Parameters
    ----------
    survey : str
        Name of the survey. `nps`, `csat` and `ces` have a usual scale (nps, csat_5, ces_7); a survey of one's own has the
        registered scale of the same name.
    scale : str, optional
        Name of the scale that the response itself states; it wins over the usual one.
    scales : mapping
        The registry.

    Raises
    ------
    ParameterError
        `scale` is not in the registry.

    Examples
    --------
    >>> scale_of("ces").direction, scale_of("ces", "ces_1").direction
    ('high is good', 'low is good')
    >>> scale_of("onboarding pulse") is None
    True
    """
    if scale is None:
        return scales.get(DEFAULT_SCALES.get(survey, survey))
    if scale not in scales:
        close = get_close_matches(scale, scales, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ParameterError(f"scale must be one of {', '.join(scales)}, not {scale!r}.{hint} A scale of your own needs register_scale.")
    return scales[scale]


def register_scale(scale: Scale, *, scales: Mapping[str, Scale] = SCALES) -> Mapping[str, Scale]:
    """Return a registry that holds one scale more; the one given stays as it is.

    Parameters
    ----------
    scale : Scale
        The scale to add. Named like a survey, it is the usual scale of that survey.
    scales : mapping
        The registry to add it to.

    Returns
    -------
    mapping
        Name -> scale, to be passed to `read_dataset` as `scales`.

    Raises
    ------
    ParameterError
        Another scale of that name is there already: answers on two scales are never pooled under one name.

    Examples
    --------
    >>> pulse = Scale(name="pulse", low=1, high=4, direction="high is good", top=(4,), bottom=(1,))
    >>> scale_of("pulse", scales=register_scale(pulse)).high
    4
    """
    if scales.get(scale.name, scale) != scale:
        raise ParameterError(f"there is another scale {scale.name!r} already; give yours a name of its own.")
    return MappingProxyType({**scales, scale.name: scale})
