"""Where a blob store tells of uploads that went past us: thin doors to ``files_service.services.notifications.handler``."""
