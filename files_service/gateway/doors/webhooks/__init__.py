"""The door of webhooks: notifications of a blob store about direct uploads."""
