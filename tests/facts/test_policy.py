"""Revenue policies: what they accept, what the presets say, and by which names they are known."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, fields

import pytest

import cs_analysis as cs
from cs_analysis.data.contract import TABLES
from cs_analysis.facts.policy import DEFAULT_POLICY, REVENUE_PRESETS, RevenuePolicy, at_constant_rates, policy_of

PRESETS = [name for name in REVENUE_PRESETS if name != "default"]


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(cs.errors.ParameterError) as caught:
        RevenuePolicy(churn_date="later", fx="daily", bridged_gap="soon", reactivation_window=90, past_due="nobody", past_due_grace="30d")  # type: ignore[arg-type]
    said = str(caught.value)
    assert "churn_date must be one of 'service_end', 'cancel_request', 'paid_through', not 'later'" in said
    assert "fx must be one of 'month', 'constant', not 'daily'" in said
    assert "bridged_gap must be a length of time, not 'soon'" in said
    assert "reactivation_window must say its unit, which 90 does not" in said
    assert "past_due_grace needs past due phases that count" in said


def test_a_policy_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULT_POLICY.fx = "constant"  # type: ignore[misc]


def test_a_policy_has_no_positional_choices() -> None:
    with pytest.raises(TypeError):
        RevenuePolicy("service_end")  # type: ignore[misc]


def test_every_choice_is_described_with_a_column_of_the_contract() -> None:
    described = inspect.getdoc(RevenuePolicy)
    assert described is not None
    attributes = described.partition("Attributes")[2].partition("Raises")[0]
    assert [field.name for field in fields(RevenuePolicy) if field.name not in attributes] == []
    for column in ("ended_at", "cancelled_at", "renewal_at", "interval", "started_at", "kind", "mrr", "discount", "currency"):
        assert f"`{column}`" in attributes
        assert column in TABLES["subscriptions"].column_names


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_method_of_its_name_that_says_its_source(name: str) -> None:
    method = getattr(RevenuePolicy, name)
    assert method() == REVENUE_PRESETS[name] == policy_of(name)
    assert "ours." in inspect.getdoc(method)


def test_presets_differ_from_each_other() -> None:
    assert len(set(REVENUE_PRESETS.values())) == len(REVENUE_PRESETS)


def test_a_policy_is_itself_or_the_name_of_a_preset() -> None:
    mine = RevenuePolicy(fx="constant")
    assert policy_of(mine) is mine
    assert policy_of("default") == RevenuePolicy()
    for wrong in ("chartmogol", None, 3):
        with pytest.raises(cs.errors.ParameterError, match="one of default, chartmogul, stripe, profitwell, baremetrics, chargebee, maxio"):
            policy_of(wrong)  # type: ignore[arg-type]


def test_constant_rates_change_nothing_else() -> None:
    assert at_constant_rates("maxio") == RevenuePolicy(
        **{**{field.name: getattr(RevenuePolicy.maxio(), field.name) for field in fields(RevenuePolicy)}, "fx": "constant"}
    )
