"""The processor: finds what waits, in a fair order, and knows when to leave a file alone."""
