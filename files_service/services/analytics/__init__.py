"""Analytics: counts of files by day, kind and access, kept as documents."""
