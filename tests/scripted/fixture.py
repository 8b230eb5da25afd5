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


class Held(list):
    """Calls of some procedures, all of them or the first `most`, that the server carries out without a reply."""

    def __init__(self, server, *names, most=None):
        super().__init__()
        self.server, self.names, self.most = server, names, most
        server.hook = self.hold

    def hold(self, call):
        if call.name in self.names and len(self) != self.most:
            call.hold()
            self.append(call)

    def release(self):
        self.server.hook = None
        for call in self:
            call.release()
