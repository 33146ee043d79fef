"""Notices: events, outbox, channels and texts."""
