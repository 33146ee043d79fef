"""Shares: links by which people without an account read files of an owner."""
