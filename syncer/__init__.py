"""Copy of a metadata store's change feed to a second store, and the proof at any time that both hold the same."""
