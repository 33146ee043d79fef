"""Peers that users have today, run as their users run them."""
