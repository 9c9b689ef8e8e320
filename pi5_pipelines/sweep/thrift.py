"""Thrift's compact protocol, as far as Parquet's footers need it: structs, lists, integers and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
TRUE, FALSE, I16 = 1, 2, 4
LONG_LIST = 15
MORE = 0x80  # this bit of a byte says that the number goes on

# A field: its number, its type, its value; a list's value is (type of its elements, elements).
Field = tuple[int, int, Any]


def varint(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    out = bytearray()
    while number >= MORE:
        out.append(number % MORE | MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields: Sequence[Field]) -> bytes:
    """A struct's bytes; fields in rising order of their numbers."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        out += _value(kind, value)
        last = number
    out.append(0)
    return bytes(out)


def _value(kind: int, value: Any) -> bytes:  # noqa: ANN401 - as the kind says
    if kind in {I32, I64}:
        return varint(value << 1 if value >= 0 else (-value << 1) - 1)
    if kind == BINARY:
        return varint(len(value)) + bytes(value)
    if kind == STRUCT:
        return encode(value)
    inner, elements = value
    head = bytes([len(elements) << 4 | inner]) if len(elements) < LONG_LIST else bytes([0xF0 | inner])
    size = varint(len(elements)) if len(elements) >= LONG_LIST else b""
    return head + size + b"".join(_value(inner, one) for one in elements)


class Reader:
    """Reads structs from bytes, each as a dict of values by field number; raises ValueError for what is torn."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0  # how far it has read

    def struct(self) -> dict[int, Any]:
        """The struct that starts here."""
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            step = head >> 4
            number = number + step if step else self._integer()
            found[number] = self._read(head & 0x0F)
        return found

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise ValueError("the footer ends too early")
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
        return number | byte << shift

    def _integer(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)

    def _read(self, kind: int) -> Any:  # noqa: ANN401 - as the kind says
        if kind in {TRUE, FALSE}:
            return kind == TRUE
        if kind in {I16, I32, I64}:
            return self._integer()
        if kind == BINARY:
            size = self._varint()
            self.at += size
            return self._data[self.at - size : self.at]
        if kind == LIST:
            head = self._byte()
            size = head >> 4 if head >> 4 < LONG_LIST else self._varint()
            return [self._read(head & 0x0F) for _ in range(size)]
        if kind == STRUCT:
            return self.struct()
        raise ValueError(f"a field of kind {kind} has no place in a footer")
