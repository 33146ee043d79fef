"""Methods of accounts: sign-in, one's own sessions and keys, invites, and the management of people."""
