"""Servers of others, written anew for the tests from their documentation."""
