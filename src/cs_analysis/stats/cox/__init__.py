"""Cox regression: how covariates raise or lower the hazard, and what can be said against a fit."""
