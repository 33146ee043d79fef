"""Versions of files: uploads that become the content of another file, rollbacks, labels, pruning."""
