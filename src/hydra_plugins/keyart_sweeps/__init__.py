"""Hydra's plugins of keyart: where Hydra looks for launchers and sweepers."""
