"""The door of analytics: ``/api/analytics``."""
