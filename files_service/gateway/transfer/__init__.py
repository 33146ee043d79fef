"""Transfer of bytes between sockets and the core, for all doors."""
