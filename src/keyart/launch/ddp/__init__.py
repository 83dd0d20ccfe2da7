"""One training in several processes of this machine."""
