"""Broker messaging: connection options, events, readiness and RPC."""
