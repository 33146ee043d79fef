"""Servers that the tests start for themselves, and the fixtures that hand them out."""
