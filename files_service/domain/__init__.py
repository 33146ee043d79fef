"""Rules of files: pure functions over records. No I/O, no clock, no transport."""
