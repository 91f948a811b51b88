"""The classes that `json.dumps` and `json.loads` take, with exact markers.

Packages for 2.x add encoders and decoders to them; graphs are saved by codecs alone, since what
an encoder gives does not come back. A saved form has its markers already: it is written as it is,
so that its text is the same with and without the encoder, and it loads with and without the
decoder.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from funcnodes.core.codec.reading import ValueReader, read_with
from funcnodes.core.codec.writing import Writer, mark_pairs, written

Encode = Callable[[Any, bool], tuple[Any, bool]]
Decode = Callable[[Any], tuple[Any, bool]]


class SavedForm(dict[str, Any]):
    """What `serialize` gives: made of what JSON knows, with markers where that is too little."""

    __slots__ = ()


class JSONEncoder(json.JSONEncoder):
    """`json.dumps(..., cls=JSONEncoder)` with exact markers.

    Encoders that older packages add are asked where there is no exact form. What they give is
    plain: it comes back as an object only if a decoder knows it, and graphs are not saved by it.
    """

    _encoders: ClassVar[list[Encode]] = []

    def encode(self, o: Any) -> str:
        """The text; that of a saved form is short (no blanks) unless asked otherwise."""
        text = self._quickly(o) if type(o) is SavedForm else None
        return super().encode(o) if text is None else text

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:
        if type(o) is SavedForm and not _one_shot:
            text = self._quickly(o)
            if text is not None:
                return iter((text,))
        return super().iterencode(self.apply_custom_encoding(o), _one_shot)

    def _quickly(self, form: SavedForm) -> str | None:
        """The text of a saved form in one go; None where that would not say the same.

        msgspec writes NaN as null, so a text with a null in it is not taken.
        """
        if getattr(self, "indent", None) is not None or self.sort_keys:
            return None
        import msgspec

        try:
            text = msgspec.json.encode(form)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None
        if b"null" in text or (self.ensure_ascii and not text.isascii()):
            return None
        return text.decode()

    @classmethod
    def apply_custom_encoding(cls, obj: Any, preview: bool = False) -> Any:
        """The value as plain JSON has it; encoders are told whether a preview will do."""
        return written(_AskingWriter(cls._encoders, preview), obj)

    @classmethod
    def add_encoder(cls, enc: Encode, enc_cls: Sequence[type] | None = None) -> None:
        """Ask `enc(value, preview)`, which gives `(plain, True)` or `(value, False)`, last of all.

        Args:
            enc: The encoder.
            enc_cls: Classes that it is meant for; any if not given.
        """
        cls._encoders.append(_meant_for(enc, enc_cls))

    @classmethod
    def prepend_encoder(cls, enc: Encode, enc_cls: Sequence[type] | None = None) -> None:
        """Ask it first; see `add_encoder`."""
        cls._encoders.insert(0, _meant_for(enc, enc_cls))


def _meant_for(enc: Encode, classes: Sequence[type] | None) -> Encode:
    if not classes:
        return enc
    meant = tuple(classes)
    return lambda value, preview: (
        enc(value, preview) if isinstance(value, meant) else (value, False)
    )


class JSONDecoder(json.JSONDecoder):
    """`json.loads(..., cls=JSONDecoder)`, the other way."""

    _decoders: ClassVar[list[Decode]] = []

    @classmethod
    def add_decoder(cls, dec: Decode) -> None:
        """Ask `dec(obj)`, which gives `(value, True)` or `(obj, False)`, from the inside out."""
        cls._decoders.append(dec)

    def decode(self, s: str, *args: Any) -> Any:
        found = read_with(_FormKeeper(), super().decode(s, *args)).value
        return self._asked(found) if self._decoders else found

    def _asked(self, obj: Any) -> Any:
        if type(obj) in (list, tuple):
            return type(obj)(map(self._asked, obj))
        if type(obj) is not dict:
            return obj
        found = {key: self._asked(item) for key, item in obj.items()}
        for decode in self._decoders:
            value, done = decode(found)
            if done:
                return value
        return found


def _looks_saved(data: Mapping[Any, Any]) -> bool:
    """Whether an object reads as the saved form of a nodespace."""
    return "format" in data and "nodes" in data and "edges" in data


class _FormKeeper(ValueReader):
    """Leaves saved forms as they are, for `deserialize` to read."""

    def read(self, data: Any) -> Any:
        if type(data) is dict and _looks_saved(data):
            return SavedForm(data)
        return super().read(data)


class _AskingWriter(Writer):
    """Asks encoders what to write of an object that has no exact form; leaves saved forms."""

    def __init__(self, encoders: Sequence[Encode], preview: bool) -> None:
        super().__init__(binary=False)
        self._encoders = encoders
        self._preview = preview

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if type(value) is SavedForm:
            return value
        if _looks_saved(value):  # but is a value like any other
            return mark_pairs(self.items(value), self.items(value.values()))
        return super()._mapping(value)

    def opaque(self, value: Any) -> Any:
        for encode in self._encoders:
            plain, done = encode(value, self._preview)
            if done:
                return self.write(plain)
        return super().opaque(value)
