"""Copies the change feed of a metadata store to a second one, and proves at any time that both hold the same."""
