"""The update job: changes one customer product once, and reports what is proved of it."""
