"""The doors of the gateway: each a sub-application, which knows no other door."""
