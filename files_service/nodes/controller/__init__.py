"""The controller: register of nodes, layout, census. Its state is documents, so any number of processes serve it."""
