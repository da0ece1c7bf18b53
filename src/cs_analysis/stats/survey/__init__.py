"""Answers that stand for more than themselves: weights that meet known totals, and what they do to the error."""
