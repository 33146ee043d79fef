"""Notifications as Pub/Sub delivers them, made by hand: for what a bucket would never say."""
