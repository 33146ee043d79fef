"""Pictures, clips and sound: what the service finds in them and makes of them."""
