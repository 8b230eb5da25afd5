"""What many cases begin with."""

import os

from library import Context
from server import Server


def one_file(data=b"", portmapper=False, **settings):
    """A server with the file /f, its node, a context that has mounted it, and /f open for both."""
    server = Server(portmapper)
    node = server.make(b"f", data=data)
    context = Context(server, **settings)
    context.get_fd()
    return server, node, context, context.must_open("/f", os.O_RDWR)
