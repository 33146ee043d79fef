"""The commands, run in the process of the tests."""
