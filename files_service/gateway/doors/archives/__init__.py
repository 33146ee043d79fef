"""The door of archives: ``/api/archives``."""
