"""Rebuilding of indexes and counters from the records."""
