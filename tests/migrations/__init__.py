"""Migrations: every step on every store, killed anywhere, and the import from ms-files."""
