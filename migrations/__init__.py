"""Changes a live store from one schema to the next. Not built yet."""
