"""`revio status`: the first look of a day."""
