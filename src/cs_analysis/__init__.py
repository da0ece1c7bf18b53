"""Open, auditable customer-success analytics: honest about unfinished cases, with an interval on every estimate.

Everything public is importable from here (`import cs_analysis as cs; cs.nps(ds)`); modules load when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "data.calendar": ("Calendar",),
    "data.dataset": ("Dataset",),
    "data.reading": ("read_dataset", "check_dataset"),
    "data.writing": ("write_dataset",),
    "data.simulator": ("Truth", "simulate_company"),
    "data.surveys": ("Scale", "register_scale"),
    "stats.durations": ("durations",),
    "stats.survival": ("survival_curve", "survival_at"),
    "stats.stages": ("share_within",),
    "stats.bands": ("survival_band",),
    "stats.medians": ("median_time",),
    "stats.restricted_mean": ("restricted_mean_time", "restricted_mean_difference"),
    "stats.competing": ("cumulative_incidence",),
    "stats.comparison": ("logrank_test",),
    "stats.differences": ("compare", "compare_with_rest"),
    "stats.resampling": ("bootstrap",),
    "stats.cox.fit": ("fit_cox", "CoxFit"),
    "stats.cox.landmark": ("landmark_check",),
    "stats.cox.concordance": ("concordance",),
    "stats.aft": ("fit_aft", "AFTFit"),
    "stats.ordinal": ("fit_ordinal", "OrdinalFit"),
    "stats.ordinal_checks": ("proportional_odds_test",),
    "stats.cure": ("fit_cure", "CureFit"),
    "stats.extrapolation": ("survival_extrapolation",),
    "stats.bass": ("fit_bass", "BassFit"),
    "stats.contracts.sbg": ("fit_sbg", "SBGFit"),
    "stats.contracts.bdw": ("fit_bdw", "BDWFit"),
    "stats.buying.bg_nbd": ("fit_bg_nbd", "fit_mbg_nbd", "BGNBDFit", "MBGNBDFit"),
    "stats.buying.pareto_nbd": ("fit_pareto_nbd", "ParetoNBDFit"),
    "stats.buying.gamma_gamma": ("fit_gamma_gamma", "GammaGammaFit"),
    "facts.policy": ("RevenuePolicy",),
    "metrics.adoption": ("adoption_rate", "new_adopter_share"),
    "metrics.diffusion": ("adoption_curve", "rogers_categories", "adopters_by_wait"),
    "metrics.onboarding": ("activation_rate", "time_to_value", "value_curve", "onboarding_dropoff", "onboarding_csat"),
    "metrics.activation": ("activation_difference", "landmark_retention"),
    "metrics.engagement": ("active_users", "stickiness", "lifecycle"),
    "metrics.usage": ("usage_frequency", "usage_breadth", "usage_depth", "feature_breadth", "active_customer_share"),
    "metrics.sessions": ("sessions",),
    "metrics.features": ("feature_usage",),
    "metrics.anomalies": ("usage_anomalies",),
    "metrics.funnel": ("funnel", "funnel_actors"),
    "metrics.conversion": ("time_to_convert", "conversion_by_period", "conversion_difference", "conversion_change", "usual_steps"),
    "metrics.retention": ("cohort_retention", "retention_definitions"),
    "metrics.retention_outlook": ("retention_projection", "retention_backtest"),
    "metrics.churn": ("logo_churn_rate", "customer_survival"),
    "metrics.churn_risk": ("churn_risk",),
    "metrics.churn_drivers": ("churn_drivers",),
    "metrics.renewals": ("renewal_rate", "renewal_hazard"),
    "metrics.churn_kinds": ("churn_by_kind",),
    "metrics.churn_comparison": ("customer_time", "customer_time_difference", "churn_test", "customer_survival_band"),
    "metrics.churn_snapshot": ("snapshot_churn_rate",),
    "metrics.churn_outlook": ("customer_survival_outlook",),
    "metrics.inactivity": ("inactivity_horizon",),
    "metrics.revenue": ("mrr", "mrr_movements"),
    "metrics.revenue_retention": ("net_revenue_retention", "gross_revenue_retention", "net_revenue_retention_without_largest", "revenue_churn_rate"),
    "metrics.revenue_mix": ("quick_ratio", "arpa", "arpa_change", "arpu"),
    "metrics.revenue_definitions": ("revenue_definitions",),
    "metrics.orders": ("rfm_summary",),
    "metrics.order_forecast": ("purchase_holdout", "purchase_tracking"),
    "metrics.order_value": ("order_value", "customer_value_list", "buyers_alive"),
    "metrics.contract_life": ("retained_customers", "contract_lifetime"),
    "metrics.lifetime_value": ("customer_lifetime_value",),
    "metrics.acquisition": ("ltv_to_cac", "cac_payback", "customer_roi"),
    "metrics.health_model": ("fit_health", "HealthFit"),
    "metrics.health_backtest": ("backtest_health", "health_predictions"),
    "metrics.health_reading": ("health_calibration", "band_churn"),
    "metrics.health_drift": ("health_drift", "forecast_drift"),
    "metrics.health_features": ("health_features", "verify_features"),
    "facts.health_rules": ("check_health_rules",),
    "facts.health_rule_text": ("write_health_rules",),
    "metrics.health_score": ("health_score", "health_score_parts", "health_bands", "health_change", "health_rollup"),
    "metrics.satisfaction": ("nps", "csat", "ces"),
    "metrics.score_shares": ("score_shares",),
    "metrics.score_waves": ("score_change", "detectable_change", "needed_answers"),
    "metrics.score_trend": ("score_control_chart", "ordinal_change"),
    "metrics.support": ("response_time", "resolution_time", "remaining_time"),
    "metrics.backlog": ("backlog",),
    "metrics.service": ("availability", "outages", "latency"),
    "metrics.service_impact": ("usage_on_bad_days", "churn_after_outages"),
    "metrics.first_contact": ("first_contact_resolution", "first_contact_agreement"),
    "metrics.service_levels": ("sla_attainment",),
    "metrics.reply_outcomes": ("satisfaction_by_response_time", "retention_by_response_time"),
    "metrics.success_satisfaction": ("success_vs_satisfaction",),
    "metrics.score_outcomes": ("renewal_by_score",),
    "metrics.score_gain": ("score_gain",),
    "stats.survey.weights": ("post_stratify", "rake"),
    "metrics.response": ("response_rate", "nonresponse_bounds"),
    "metrics.weighted_scores": ("weighted_score", "standardised_score"),
    "facts.wide_answers": ("answers_wide",),
    "metrics.drivers": ("key_drivers",),
    "metrics.penalty_reward": ("penalty_reward",),
    "metrics.journey": ("success_map", "time_in_stage", "stage_curve"),
    "metrics.journey_gaps": ("behind_wanted_share", "stuck_accounts"),
    "metrics.journey_outlook": ("stage_moves", "stage_outlook", "stage_projection_error"),
    "metrics.goals": ("goal_attainment", "goal_and_experience"),
    "facts.comments.codebook": ("check_codebook",),
    "metrics.comments": ("comment_share", "comment_languages", "comment_copies", "comment_themes", "tagger_quality"),
    "metrics.comment_words": ("comment_keywords", "comment_examples"),
    "metrics.comment_topics": ("discovered_themes",),
    "metrics.rfm_segments": ("rfm_scores", "rfm_segments", "rfm_lift"),
    "metrics.concentration": ("revenue_concentration", "revenue_lorenz"),
    "metrics.personas": ("fit_personas", "PersonaFit"),
    "metrics.persona_profiles": ("persona_profile",),
    "metrics.persona_exemplars": ("persona_exemplars",),
    "metrics.persona_rules": ("persona_rules", "PersonaRules"),
    "metrics.effects": ("action_effect",),
    "metrics.action_contrasts": ("action_contrasts",),
    "metrics.experiments": ("experiment_effect",),
    "stats.sample_size": ("experiment_size", "detectable_effect"),
    "facts.assignments": ("split_accounts",),
    "metrics.persona_migration": ("persona_migration",),
    "report.run": ("run_report",),
    "report.pack": ("run_pack",),
    "report.lists": ("write_list",),
    "report.comparison": ("compare_packs",),
    "report.scorecard": ("scorecard",),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", "errors", *_MODULE_OF]  # noqa: PLE0604 - the names are strings, listed once above


def __getattr__(name: str) -> Any:
    """Load the module of a public name when it is first asked for."""
    if name == "errors":
        return import_module("cs_analysis.errors")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'cs_analysis' has no attribute {name!r}")
    value = getattr(import_module(f"cs_analysis.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
