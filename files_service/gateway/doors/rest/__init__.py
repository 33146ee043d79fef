"""The REST door: ``/api/files``."""
