"""HTTP to the vendor."""
