"""Public names of the room `metrics` for which the common tests do not hold as they stand."""

from __future__ import annotations

OTHERS = {
    "funnel_actors",
    "retained_customers",
    "usual_steps",
    "adopters_by_wait",
    "rfm_summary",
    "rfm_scores",
    "customer_value_list",
    "churn_risk",
    "churn_test",
    "health_features",
    "verify_features",
    "health_score",
    "health_score_parts",
    "health_bands",
    "health_change",
    "health_rollup",
    "fit_health",
    "HealthFit",
    "fit_personas",
    "PersonaFit",
    "persona_migration",
    "health_predictions",
    "backtest_health",
    "health_calibration",
    "band_churn",
    "forecast_drift",
    "score_gain",
    "key_drivers",
    "penalty_reward",
    "tagger_quality",
    "comment_examples",
    "stuck_accounts",
    "availability",
    "outages",
    "latency",
    "usage_on_bad_days",
    "churn_after_outages",
}
"""They return no estimates, or not from the dataset alone; each has laws in tests of its own."""

NAMED_OTHERWISE = {
    "revenue_concentration": "customers_needed",
    "customer_survival": "survival",
    "customer_survival_outlook": "projected_survival",
    "customer_survival_band": "survival",
    "funnel": "conversion",
    "conversion_by_period": "conversion",
    "revenue_definitions": "mrr",
    "nonresponse_bounds": "nonresponse_low",
    "comment_keywords": "keyword_log_ratio",
}
"""What their main metric is called."""
