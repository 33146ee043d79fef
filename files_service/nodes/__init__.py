"""File nodes: servers of chunks on one disk each."""
