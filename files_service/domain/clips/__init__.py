"""Clips of a memory card: which chapters, proxies and sidecars belong together, told by names alone. Pure."""
