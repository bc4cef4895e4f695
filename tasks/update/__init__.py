"""The update job: changes one customer product once, and says truly how that ended."""
