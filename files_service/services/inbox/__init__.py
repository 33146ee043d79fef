"""The inbox of each owner: news of files, links, cards and quota, as one bounded document."""
