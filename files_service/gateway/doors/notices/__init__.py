"""/api/notice-channels: channels where an owner wants to be told of its cards and uploads."""
