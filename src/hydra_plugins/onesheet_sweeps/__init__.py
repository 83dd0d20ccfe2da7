"""Hydra's plugins of onesheet: where Hydra looks for launchers and sweepers."""
