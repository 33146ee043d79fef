"""The door of people: ``/api/auth`` and ``/api/invites``."""
