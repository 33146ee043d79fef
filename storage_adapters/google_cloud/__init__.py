"""Google Cloud by REST, where there is no blob store in it: Pub/Sub, and the setting up of buckets. No gRPC."""
