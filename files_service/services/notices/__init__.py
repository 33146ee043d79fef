"""Notices to people: what is told, the outbox, and the channels."""
