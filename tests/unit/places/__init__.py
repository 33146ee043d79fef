"""Paths, folders, the trash and jobs, on memory stores and SQLite."""
