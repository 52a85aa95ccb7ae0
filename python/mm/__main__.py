"""`python -m mm`, and the console command `mm`."""

import sys


def main() -> None:
    """Run the command line; an interrupt while it is being loaded has no traceback either."""
    try:
        from mm import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
