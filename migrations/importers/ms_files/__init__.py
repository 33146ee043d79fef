"""Import of an ms-files service from its keys in Redis, while either service runs."""
