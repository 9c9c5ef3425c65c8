"""Values of a small initializer as a table to be written in."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from graphdebug.edit.errors import EditError
from graphdebug.edit.values import MOST_NUMBERS
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.tensors import TensorError, read_tensor


def values_field(model: Model, graph: str, name: str, key: str) -> Any:
    """Show the values of an initializer and return them as nested lists when some were changed; None: none were.

    Tensors of more than two dimensions are shown by their last one.

    Raises:
        EditError: its values cannot be read.
    """
    tensor = model.graphs[graph].initializers.get(name)
    if tensor is None:
        return None
    if np.prod(tensor.dims, dtype=np.int64) > MOST_NUMBERS:
        st.caption(f"More than {MOST_NUMBERS:,} values: give them as a .npy file.")
        return None
    try:
        now = read_tensor(model, tensor)
    except (TensorError, ExternalDataError, OSError) as error:
        raise EditError(f"Its values cannot be read: {error}") from None
    table = now.reshape(-1, now.shape[-1] if now.ndim else 1)
    plain = table.astype(object if now.dtype.kind in "OU" else "int64" if now.dtype.kind in "iu" else "float64")
    if now.dtype.kind == "b":
        plain = table
    shown = pd.DataFrame(plain, columns=[str(at) for at in range(table.shape[1])])
    written = st.data_editor(shown, key=f"{key}:{name}", height="content" if len(shown) < 12 else 420)
    if written.equals(shown):
        return None
    return np.array(written.values.tolist(), dtype=object).reshape(now.shape).tolist()
