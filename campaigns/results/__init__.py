"""What a run has done: reports, retries, undo, a product's history."""
