"""Notifications of a blob store about direct uploads: thin doors to ``services.notifications``."""
