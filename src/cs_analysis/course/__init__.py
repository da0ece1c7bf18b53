"""Exercise checks for the course (the lessons follow)."""
