"""What stood on the wire: HTTP/2 (RFC 9113) read back from recorded bytes, its headers out of their compression."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from hpack import Decoder

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD: Final = 9
_DATA, _HEADERS, _CONTINUATION = 0, 1, 9
_END_HEADERS, _PADDED, _PRIORITY = 0x4, 0x8, 0x20


class Http2:
    """One direction of a connection: bytes in, what they say out. Frames may come in any pieces."""

    def __init__(self) -> None:
        self._buffer = b""
        self._headers = Decoder(max_header_list_size=1 << 20)
        self._block = b""
        self._data: defaultdict[int, bytes] = defaultdict(bytes)
        self._said: list[bytes] = []
        self._is_open = False

    def feed(self, received: bytes) -> None:
        """Take in what was received."""
        self._buffer += received
        if not self._is_open:
            if len(self._buffer) < len(_PREFACE) and _PREFACE.startswith(self._buffer):
                return
            self._buffer = self._buffer.removeprefix(_PREFACE)
            self._is_open = True
        while len(self._buffer) >= _HEAD:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < _HEAD + length:
                return
            kind, flags, stream = self._buffer[3], self._buffer[4], int.from_bytes(self._buffer[5:_HEAD], "big")
            payload, self._buffer = self._buffer[_HEAD : _HEAD + length], self._buffer[_HEAD + length :]
            self._frame(kind, flags, stream, payload)

    def take(self) -> bytes:
        """All that was said since the last call: each stream's data in one piece, headers as lines, the rest as it is.

        Of a frame that was cut off, its beginning counts, too.
        """
        said = b"\n".join([*self._said, *self._data.values(), self._buffer[_HEAD:]])
        self._said.clear()
        self._data.clear()
        return said

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (_DATA, _HEADERS) and flags & _PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == _DATA:
            self._data[stream] += payload
        elif kind in (_HEADERS, _CONTINUATION):
            self._block += payload[5:] if kind == _HEADERS and flags & _PRIORITY else payload
            if flags & _END_HEADERS:
                self._said += [b"%b: %b" % (bytes(name), bytes(value)) for name, value in self._decoded()]
                self._block = b""
        else:
            self._said.append(payload)

    def _decoded(self) -> list[tuple[bytes, bytes]]:
        return [(field[0], field[1]) for field in self._headers.decode(self._block, raw=True)]
