"""Jobs: work on all files of a folder, in bounded steps that any process continues."""
