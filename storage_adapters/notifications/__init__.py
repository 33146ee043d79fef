"""Queues of upload notifications."""
