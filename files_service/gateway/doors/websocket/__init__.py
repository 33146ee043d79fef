"""The WebSocket door: uploads in slices, with the subprotocol ``files-upload.v1``."""
