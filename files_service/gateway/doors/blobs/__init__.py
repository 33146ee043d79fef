"""The door of blobs: bytes by signed URL."""
