"""Authentication: bearer tokens, sessions, signed URLs and the tokens of Google."""
