"""files.* over AMQP: the consumer, the publisher of events, the typed client."""
