"""What lies in the queues and what workers hold, for readers that run no job."""
