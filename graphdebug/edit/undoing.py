"""Going back and forth over what was done."""

from collections.abc import Iterable
from dataclasses import replace

import onnx

from graphdebug.edit.splice import Splice, apply
from graphdebug.model.document import Model


def done(model: Model, splices: Iterable[Splice]) -> Model:
    """Return the model after splices that were noted down."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for splice in splices:
        apply(proto, splice)
    return replace(model, proto=proto)


def undone(model: Model, splices: Iterable[Splice]) -> Model:
    """Return the model as it was before splices that were done in this order."""
    return done(model, [splice.inverse for splice in reversed(list(splices))])
