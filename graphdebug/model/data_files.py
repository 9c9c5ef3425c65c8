"""Files of values that are to stand beside a saved model: laid out first, so that the model can refer to them."""

from graphdebug.model.external import ExternalDataError
from graphdebug.model.value_types import shown
from graphdebug.model.wire import Piece, size

_PAGE = 4096
"""Values begin on a page, so that they can be mapped (onnx.proto, TensorProto.external_data)."""


class DataFiles:
    """What goes into which file. ``taken`` are names of files that the model has already."""

    def __init__(self, taken: tuple[str, ...] = ()) -> None:
        """Hold nothing yet."""
        self.pieces: dict[str, list[Piece]] = {}
        self._sizes: dict[str, int] = {}
        self._taken = frozenset(taken)

    def add(self, name: str, piece: Piece) -> int:
        """Put values at the end of file ``name``; return where they begin, in bytes.

        Raises:
            ExternalDataError: the model has such a file already.
        """
        if name in self._taken:
            raise ExternalDataError("external-data-taken", f"{shown(name)} is a file of the model: take another name.")
        pieces, end = self.pieces.setdefault(name, []), self._sizes.get(name, 0)
        start = -(-end // _PAGE) * _PAGE
        if start > end:
            pieces.append(bytes(start - end))
        pieces.append(piece)
        self._sizes[name] = start + size(piece)
        return start
