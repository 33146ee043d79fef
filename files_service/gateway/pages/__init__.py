"""HTML pages for owners and for the receivers of links."""
