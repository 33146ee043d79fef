"""The census of a process: its driver over stores and nodes, its schedule, its reports."""
