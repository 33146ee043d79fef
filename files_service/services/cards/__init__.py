"""Memory cards: their sightings, sessions with entries for each file, and the verdict of a session."""
