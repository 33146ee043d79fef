"""Uploads and the chunks that they bring."""
