"""Lists, counts and reports."""
