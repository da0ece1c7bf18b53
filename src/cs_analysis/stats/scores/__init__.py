"""Scores that foretell a yes or a no: fitted, and held against what came."""
