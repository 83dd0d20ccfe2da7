"""One thread for small networks."""

from tests.models.conftest import one_thread  # noqa: F401
