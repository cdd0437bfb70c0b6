"""The Celery app and `enqueue(pack_id)`: nothing but ids travels. The only Celery door besides `worker/`."""
