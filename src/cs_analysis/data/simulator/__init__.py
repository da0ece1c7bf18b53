"""A simulated company with known truth: accounts, contracts, usage, answers, tickets and the rest, driven by one latent fit an account.

Draws come from first principles (keyed uniforms and inverse distribution functions) and share no code with the estimators.
"""

from cs_analysis.data.simulator.company import simulate_company
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.truth import Truth

__all__ = ["Parameters", "Truth", "simulate_company"]
