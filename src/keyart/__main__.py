"""``python -m keyart`` is the console command."""

from keyart.cli import main

if __name__ == "__main__":
    main()
