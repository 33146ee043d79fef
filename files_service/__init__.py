"""The Files service: the rules and the API."""
