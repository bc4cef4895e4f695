"""The query job: reads customer products in as few vendor calls as possible."""
