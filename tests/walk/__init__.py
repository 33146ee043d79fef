"""A walk through every address as people and programs use it: by curl, against a running service."""
