"""The queue door: the bytes of uploads over AMQP, with aio-pika."""
