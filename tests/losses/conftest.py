"""Limit torch to one thread, because the networks are small."""

from tests.models.conftest import one_thread  # noqa: F401
