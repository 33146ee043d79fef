"""What users have today, driven as they use it."""
