"""The door of shares for their owners: ``/api/shares``."""
