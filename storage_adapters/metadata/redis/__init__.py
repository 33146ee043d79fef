"""Metadata in Redis or Valkey: one Lua script per write, lists from sorted chunks."""

from storage_adapters.metadata.redis.store import RedisMetadataStore

__all__ = ["RedisMetadataStore"]
