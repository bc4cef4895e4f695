"""Submit customer product jobs to the Rev.io worker and collect their results."""
