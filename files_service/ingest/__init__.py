"""Memory cards: detection, what is on a card, and its transfer to the service, from this or another machine.

This package talks to the service as any client does. Nothing in it writes to a card.
"""
