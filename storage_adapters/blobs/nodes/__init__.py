"""Blob store over file nodes, each of which keeps chunks on a disk of its own."""
