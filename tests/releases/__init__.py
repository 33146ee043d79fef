"""Stores that an earlier release filled, and this code on them."""
