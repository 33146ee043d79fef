"""files.sync: bring records and blob store together where a notification or a worker was lost."""
