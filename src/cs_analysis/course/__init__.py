"""The course: lessons that check themselves, made from one source each."""

from cs_analysis.course.checks import start

__all__ = ["start"]
