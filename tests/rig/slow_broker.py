"""A way to a broker on which chosen requests are held up: what a slow coordinator looks like."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from tests.rig.ports import HOST, free_port

# Keys of requests: https://kafka.apache.org/protocol#protocol_api_keys
OFFSET_FETCH = 9
_HEAD = struct.Struct(">i")
_KEY = struct.Struct(">h")
_CHUNK = 65_536


class SlowBroker:
    """Passes on connections to a broker, which must advertise `port` as its own.

    Attributes:
        port: where it listens.
        holds: whether the next request of kind `key` is to wait, with all that come after it on its
            connection, until it is let go.
        key: the kind.
        held: how many requests were held up.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.holds = False
        self.key = OFFSET_FETCH
        self.held = 0
        self._target = 0
        self._let_go = threading.Event()
        self._server = socket.create_server((HOST, self.port))

    def serve(self, target: int) -> None:
        """From now on, pass on to the broker at this port."""
        self._target = target
        threading.Thread(target=self._accept, daemon=True).start()

    def let_go(self) -> None:
        """Pass on what is held up."""
        self._let_go.set()

    def close(self) -> None:
        """Take no more connections."""
        self.let_go()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection((HOST, self._target))
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(client, broker), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket) -> None:
        with client, broker, suppress(OSError):
            while head := _exactly(client, _HEAD.size):
                body = _exactly(client, _HEAD.unpack(head)[0])
                if self.holds and _KEY.unpack(body[: _KEY.size])[0] == self.key:
                    self.holds = False
                    self.held += 1
                    self._let_go.wait()
                broker.sendall(head + body)
            broker.shutdown(socket.SHUT_RDWR)

    def _answers(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError):
            while found := broker.recv(_CHUNK):
                client.sendall(found)
            client.shutdown(socket.SHUT_RDWR)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or none at the end of the stream."""
    found = b""
    while len(found) < size:
        more = connection.recv(min(_CHUNK, size - len(found)))
        if not more:
            return b""
        found += more
    return found
