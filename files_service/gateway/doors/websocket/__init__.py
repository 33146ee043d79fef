"""The WebSocket door, subprotocol ``files-upload.v1``."""
