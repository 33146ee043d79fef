"""Changes a live store: numbered steps up and down, with a journal, a lock and checkpoints in the store itself."""
