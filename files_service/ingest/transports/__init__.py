"""The ways of the bytes of a card to the service: by WebSocket, or by tus."""
