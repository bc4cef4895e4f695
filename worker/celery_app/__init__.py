"""What Celery calls: task adapter, transport, pool, consumer, result backend, control."""
