"""Pictures and tables from estimates."""
