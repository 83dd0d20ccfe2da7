"""Parameters of the library as keys of the configuration of training."""

#: The key of each parameter that a message may name.
KEYS = {
    "catalogue": "data.catalogue",
    "images": "data.images",
}


def config_key(name: str) -> str | None:
    """Return the configuration key of a parameter; None if it has none."""
    return KEYS.get(name)
