"""`python -m mm`."""

from mm.cli import main

if __name__ == "__main__":
    main()
