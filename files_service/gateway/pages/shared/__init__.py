"""Pages of shares for visitors: ``/s/{key}``."""
