"""Archives: stored ZIP files that are made of other files while they are sent."""
