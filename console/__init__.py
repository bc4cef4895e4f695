"""The console: campaigns and operations in a browser, for people who sign in as themselves."""
