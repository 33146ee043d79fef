"""Jobs: work on all files of a folder, in the call or in bounded steps that any process continues."""
