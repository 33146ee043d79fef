"""/api/notifications: notices of an owner. /api/notice-channels: channels where it wants to be told of them."""
