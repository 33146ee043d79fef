"""The door of file nodes: the register of nodes, the layout, and files as their chunks."""
