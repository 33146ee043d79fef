"""Scrub: read and hash all stored bytes, mark lost parts, repair them from the same bytes."""
