"""Runtime support of every process: clock, back-off, executor, breaker, leases, signals, logs, metrics."""
