"""Accounts, tenants, sessions, API keys and invites: use cases over documents."""
