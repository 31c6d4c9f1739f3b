"""A replacement table in SentencePiece's format, as the normaliser `Precompiled` reads it.

Size of the trie in bytes, the trie (a double array of 32-bit units, as darts-clone writes it), then
the replacements, each ended by a zero byte; the trie's values are offsets into them.
"""

import struct

_LEAF = 1 << 8
_VALUE = 1 << 31


def charsmap(replacements: dict[str, str]) -> bytes:
    """The table that replaces each of these characters."""
    texts = b"".join(text.encode() + b"\0" for text in replacements.values())
    root: dict[int, dict | int] = {}
    offset = 0
    for character, text in replacements.items():
        node = root
        for byte in character.encode():
            node = node.setdefault(byte, {})  # type: ignore[assignment]
        node[0] = offset
        offset += len(text.encode()) + 1
    units = _units(root)
    trie = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(max(units) + 512))
    return struct.pack("<I", len(trie)) + trie + texts


def _units(root: dict[int, dict | int]) -> dict[int, int]:
    units = {0: 0}
    waiting = [(0, root)]
    while waiting:
        here, node = waiting.pop()
        base = next(b for b in range(1, 1 << 20) if not any(b ^ c in units for c in node))
        units[here] |= (here ^ base) << 10 | (_LEAF if 0 in node else 0)
        for byte, below in node.items():
            if isinstance(below, int):
                units[base ^ byte] = _VALUE | below
            else:
                units[base ^ byte] = byte
                waiting.append((base ^ byte, below))
    return units
