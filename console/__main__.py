"""`python -m console`: serve it, or edit its users."""

from console.command import main

if __name__ == "__main__":
    raise SystemExit(main())
