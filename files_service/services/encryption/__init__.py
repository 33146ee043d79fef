"""Encryption at rest: the installation's key ring, the keys of tenants, and their rotation."""
