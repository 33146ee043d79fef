"""Versions of files."""
