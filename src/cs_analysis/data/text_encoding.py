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
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

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


_ENOUGH_LETTERS = 100_000


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
    sniffed = _sniff(path)
    if sniffed.is_clean_utf8:
        return Utf8File(path, _is_zipped(path), "utf-8", b"", sniffed.damaged)
    copy = scratch / f"{path.name}.utf8"
    damaged = _transcode(path, copy, encoding=sniffed.encoding)
    guessed = bytes(sorted(sniffed.turkish)) if sniffed.encoding == "cp1254" else b""
    return Utf8File(copy, zipped=False, encoding=sniffed.encoding, guessed=guessed, damaged=damaged)


@dataclass
class _Sniffed:
    """What the bytes of a file say: `letters` fit UTF-8, `strays` do not, `turkish` are letters of Windows-1254 alone."""

    wide: bool = False
    letters: int = 0
    strays: int = 0
    turkish: set[int] = field(default_factory=set)
    damaged: bool = False

    @property
    def is_clean_utf8(self) -> bool:
        return not self.wide and self.strays == 0

    @property
    def encoding(self) -> str:
        """The encoding; a letter of UTF-8 is two or more bytes that fit each other, and in a Windows file hardly any do."""
        if self.wide:
            return "utf-16"
        if self.letters >= self.strays:
            return "utf-8"
        return "cp1254" if self.turkish else "cp1252"

    def add(self, chunk: bytes) -> None:
        """Take one more piece of the file into account."""
        self.turkish.update(byte for byte in _TURKISH_BYTES if byte in chunk)
        text = chunk.decode(errors="replace")
        if "\ufffd" not in text or _is_utf8(chunk):
            self.letters += len(chunk) - len(text)
            self.damaged = self.damaged or _DAMAGE.search(text) is not None
        elif self.strays < _ENOUGH_LETTERS:
            rest = _UTF8_SEQUENCE.sub(b"", chunk).translate(None, _ASCII)
            self.strays += len(rest)
            self.letters += len(chunk.translate(None, _ASCII)) - len(rest)


def _sniff(path: Path) -> _Sniffed:
    with _open_bytes(path) as handle:
        sniffed = _Sniffed(wide=handle.read(2) in _WIDE_MARKS)
    if sniffed.wide:
        return sniffed
    for chunk in _chunks(path):
        if not chunk.isascii():
            sniffed.add(chunk)
    return sniffed


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(2) == _GZIP_MAGIC


def _open_bytes(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if _is_zipped(path) else path.open("rb")


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes in pieces that end with a line, so that no letter is cut in two."""
    with _open_bytes(path) as handle:
        while chunk := handle.read(_CHUNK):
            yield chunk + handle.readline(_CHUNK)


def _is_utf8(chunk: bytes) -> bool:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return False
    return True


def _transcode(source: Path, target: Path, *, encoding: str) -> bool:
    """Write `source` as UTF-8 and return whether mangled or undecodable text was seen."""
    damaged = False
    decoder = io.TextIOWrapper(_open_bytes(source), encoding=encoding, errors="replace", newline="")
    with decoder, target.open("w", encoding="utf-8", newline="") as copy:
        while text := decoder.read(_CHUNK):
            damaged = damaged or _DAMAGE.search(text) is not None
            copy.write(text)
    return damaged
