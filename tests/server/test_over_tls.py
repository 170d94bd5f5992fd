"""Everything that is promised of connections is promised of those over TLS: the same tests once more."""

from __future__ import annotations

import pytest

from tests.server import test_channel, test_exchange, test_sending, test_server
from tests.server.conftest import Serve

OTHERWISE = {
    "test_forwarded_headers_are_believed_only_from_the_configured_proxy",  # the scheme is another one
    "test_beyond_the_connection_limit_new_ones_wait_until_there_is_room",  # a client waits for its handshake already
}
for module in (test_channel, test_exchange, test_sending, test_server):
    for name, found in vars(module).items():
        if name.startswith("test_") and callable(found) and name not in OTHERWISE:
            globals()[name] = found


@pytest.fixture
def serve(serve_secure: Serve) -> Serve:
    """Servers that speak TLS."""
    return serve_secure
