"""What fields of operations are called in forms, where their names in recipes are too short for people."""

from collections.abc import Mapping

_LABELS: Mapping[str, str] = {
    "op": "Operator",
    "uses": "For which consumers",
    "slot": "Input of the node that takes the value",
    "dead": "Also delete what only it needed",
    "bypass": "What takes the place of its outputs",
    "a": "One input",
    "b": "The other input",
    "dtype": "Element type",
    "to": "Element type",
    "back": "Cast back for",
    "fix_output": "Declare outputs of the new type",
    "drop_initializers": "Without initializers as inputs",
    "connect": "What feeds its inputs",
    "prefix": "In front of its names",
    "keep_outputs": "Outputs that feed it stay outputs",
    "lengths": "Lengths",
    "batch": "Batch size, or its name",
    "reshape": "Take the shape of the new values",
    "larger_than": "Values of more than so many bytes",
    "smallest": "Initializers of so many bytes and more",
    "fill": "Number that stands for weights",
    "metadata": "Metadata whose keys begin with",
    "largest": "Largest constant, in bytes",
    "version": "Version of the operator set",
    "keep_io": "Inputs and outputs stay float32",
    "keep_ops": "Operators that stay float32",
    "keep_nodes": "Nodes that stay float32",
    "keep_values": "Values that stay float32",
    "ir_version": "IR version",
}
_OF_AN_OPERATION: Mapping[tuple[str, str], str] = {
    ("RenameDim", "name"): "Symbolic dimension",
    ("RenameDim", "to"): "New name",
    ("RenameValue", "name"): "New name",
    ("RenameNode", "name"): "New name",
    ("ChangeLayout", "to"): "Layout",
    ("RemoveAttribute", "name"): "Attribute",
    ("MakeInput", "keep"): "Keep what only it needed",
    ("InitializerToInput", "keep"): "Its values are the default",
    ("DuplicateNode", "uses"): "What takes the copy instead",
    ("MakeExternal", "file"): "Name of the file beside the model",
    ("SetBatch", "values"): "Inputs and outputs that have a batch",
    ("PutBack", "inputs"): "Which values its inputs are",
    ("PutBack", "outputs"): "Which values its outputs are",
}


def label(operation: type, name: str) -> str:
    """Return what the field ``name`` of an operation is called."""
    said = _OF_AN_OPERATION.get((operation.__name__, name)) or _LABELS.get(name)
    return said or name.replace("_", " ").capitalize()
