"""Live migrations of a store: numbered steps up and down, with journal, lease and checkpoints in the store itself."""
