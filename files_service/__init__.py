"""The Files service: rules and API."""
