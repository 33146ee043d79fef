"""Keeps a second metadata store equal to the first: copies its change feed, and proves at any time that both agree."""
