"""Importers of other services' data."""
