"""Contrasts between those who were treated and those who were not, made comparable by what was known of them before."""
