"""Running notebooks and turning them into a pack of HTML pages."""
