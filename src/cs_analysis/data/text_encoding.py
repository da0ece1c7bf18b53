"""Which encoding a text file is in, and its text as UTF-8 on the disk.

Windows-1252 (Western European) and Windows-1254 (Turkish) give the same letters but for six bytes; only where one of those
stands in the file is the choice between the two a guess.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TURKISH_BYTES = b"\xd0\xdd\xde\xf0\xfd\xfe"
_ASCII = bytes(range(128))
_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_LETTERS = "äöüßÄÖÜğışçĞİŞÇéèêàáâñóíúô€–’“"


def _twice_encoded(letter: str) -> str:
    """Return what a letter's UTF-8 bytes look like when taken for Windows-1252."""
    return letter.encode().decode("cp1252", errors="ignore")


DAMAGE = "|".join(["\ufffd", *sorted(mangled for letter in _LETTERS if len(mangled := _twice_encoded(letter)) > 1)])
"""Pattern of text that an earlier program has read in the wrong encoding (valid for Python's `re` and for RE2)."""
_DAMAGE = re.compile(DAMAGE)


@dataclass(frozen=True)
class Utf8File:
    """A text file as UTF-8: where it lies, what it was written in, and what is doubtful about that.

    `guessed` lists the bytes on which the choice of Turkish rests; `damaged` tells that some text is or was mangled.
    """

    path: Path
    zipped: bool
    encoding: str
    guessed: bytes
    damaged: bool

    def open(self) -> IO[str]:
        """Return the text, without its byte order mark and with the line ends it has."""
        return io.TextIOWrapper(_open_bytes(self.path), encoding="utf-8-sig", errors="replace", newline="")


def utf8_file(path: Path, *, scratch: Path) -> Utf8File:
    """Return `path` as UTF-8: itself where it is that already, else a copy in the folder `scratch`.

    Raises
    ------
    OSError, EOFError, zlib.error
        The file cannot be read or unpacked.
    """
    encoding, guessed, damaged = _sniff(path)
    if encoding == "utf-8":
        return Utf8File(path, _is_zipped(path), encoding, guessed, damaged)
    copy = scratch / f"{path.name}.utf8"
    damaged = _transcode(path, copy, encoding=encoding)
    return Utf8File(copy, zipped=False, encoding=encoding.removesuffix(" with errors"), guessed=guessed, damaged=damaged)


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(2) == _GZIP_MAGIC


def _open_bytes(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if _is_zipped(path) else path.open("rb")


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes in pieces that end with a line, so that no letter is cut in two."""
    with _open_bytes(path) as handle:
        while chunk := handle.read(_CHUNK):
            yield chunk + handle.readline(_CHUNK)


def _sniff(path: Path) -> tuple[str, bytes, bool]:
    """Return the encoding, the bytes by which Turkish was chosen, and whether mangled text was seen."""
    letters, strays, seen, damaged = 0, 0, set[int](), False
    for number, chunk in enumerate(_chunks(path)):
        if number == 0 and chunk.startswith(_WIDE_MARKS):
            return "utf-16", b"", False
        if chunk.isascii():
            continue
        seen.update(byte for byte in _TURKISH_BYTES if byte in chunk)
        rest = _UTF8_SEQUENCE.sub(b"", chunk).translate(None, _ASCII) if not _is_utf8(chunk) else b""
        strays += len(rest)
        letters += len(chunk.translate(None, _ASCII)) - len(rest)
        damaged = damaged or _DAMAGE.search(chunk.decode(errors="replace")) is not None
    if strays == 0:
        return "utf-8", b"", damaged
    # A letter of UTF-8 is two bytes or more that fit each other; in a Windows file hardly any do.
    if letters > strays:
        return "utf-8 with errors", b"", True
    guessed = bytes(sorted(seen))
    return ("cp1254" if guessed else "cp1252"), guessed, False


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


def _transcode(source: Path, target: Path, *, encoding: str) -> bool:
    """Write `source` as UTF-8 and return whether mangled or undecodable text was seen."""
    damaged = False
    decoder = io.TextIOWrapper(_open_bytes(source), encoding=encoding.removesuffix(" with errors"), errors="replace", newline="")
    with decoder, target.open("w", encoding="utf-8", newline="") as copy:
        while text := decoder.read(_CHUNK):
            damaged = damaged or _DAMAGE.search(text) is not None
            copy.write(text)
    return damaged
