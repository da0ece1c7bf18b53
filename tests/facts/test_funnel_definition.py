"""Which options of a funnel, and which pairs of them, have a meaning."""

from __future__ import annotations

from typing import Any

import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.facts.funnel_definition import FunnelDefinition

PAIRS = [
    ({"order": "any", "step_within": {"B": "1h"}}, "order='any' and step_within"),
    ({"order": "strict", "optional": "B"}, "order='strict' and optional"),
    ({"order": "any", "optional": "B"}, "order='any' and optional"),
    ({"step_within": {"C": "1h"}, "optional": "B"}, "step_within and optional"),
    ({"steps": ["A", "B", "A"], "step_within": {"B": "1h"}}, "step_within and a name that occurs twice"),
    ({"steps": ["A", "B", "A"], "order": "strict"}, "order='strict' and a name that occurs twice"),
    ({"steps": ["A", "B", "B"], "optional": "B"}, r"optional and a name that occurs twice .*'B'"),
]
WRONG = [
    ({"steps": ["A"]}, "at least two names"),
    ({"order": "loose"}, "order must be one of 'ordered', 'strict', 'any'"),
    ({"entry": "last"}, "entry must be one of 'first', 'best'"),
    ({"actor": "team"}, "actor must be one of"),
    ({"attribution": 4}, r"number of a step \(1 to 3\)"),
    ({"optional": "A"}, "optional must name steps after the first"),
    ({"step_within": {"A": "1h"}}, "step_within must name steps after the first"),
    ({"step_within": {"B": 3}}, "say its unit"),
    ({"within": 7}, "say its unit"),
    ({"exclude": "B"}, "exclude may not name 'B'"),
    ({"by": [1]}, "by must be a column name"),
]


class TestDefinition:
    @pytest.mark.parametrize(("options", "message"), [*PAIRS, *WRONG])
    def test_what_has_no_meaning_is_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            FunnelDefinition(**{"steps": list("ABC"), "within": "1d", **options})

    def test_all_problems_are_named_at_once(self) -> None:
        with pytest.raises(ParameterError, match=r"entry must be.*; exclude may not.*; order='any' and optional"):
            FunnelDefinition(steps=list("ABC"), within="1d", entry="last", exclude="B", order="any", optional="C")

    def test_codes_and_the_steps_before(self) -> None:
        asked = FunnelDefinition(steps=["A", "B", "C", "A"], within="36h", exclude="X", optional=["B", "C"])
        assert asked.codes == {"A": 1, "B": 2, "C": 3, "X": 4}
        assert asked.before == [1, 1, 1]
        assert (asked.required, asked.horizon_days) == ([1, 4], 1.5)
