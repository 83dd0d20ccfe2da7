"""``python -m keyart`` is the console command."""

from keyart.cli.app import main

if __name__ == "__main__":
    main()
