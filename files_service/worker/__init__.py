"""Background work: publishing events, processing, cleaning up."""
