"""A DNS server on a UDP port of 127.0.0.1 that answers A questions with the addresses it was given."""

import socket
import threading


class DnsResponder:
    """A context manager; `addresses` may be changed at any time."""

    def __init__(self, addresses=()):
        self.addresses = list(addresses)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.server = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _run(self):
        while True:
            try:
                query, client = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(query), client)
            except OSError:
                return

    def _answer(self, query):
        # RFC 1035, section 4.1: header, the question again, and a record per address.
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12:end + 5]
        found = self.addresses if question[-4:-2] == b"\0\1" else []
        records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address)
                           for address in found)
        return (query[:2] + b"\x81\x80\0\1" + len(found).to_bytes(2, "big") + b"\0\0\0\0" +
                question + records)
