"""What `make docs` adds to the pages: references made from the code, links that fit the site."""
