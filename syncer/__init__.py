"""Copies the primary store to a second one. Not built yet."""
