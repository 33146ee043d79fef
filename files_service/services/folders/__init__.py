"""Folders: documents of those that were made, and lists of what lies in one."""
