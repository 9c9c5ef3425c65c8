"""A model with many things wrong at once. It parses; nothing will run it."""

import onnx
from onnx import TensorProto, helper

from sample_models.sample import Sample, from_text


def broken() -> onnx.ModelProto:
    """A small network with one fault of each common kind, each on a node that is named after it."""
    model = from_text("""
        <ir_version: 10, opset_import: ["" : 20]>
        broken (float["batch", 4] x) => (float["batch", 4] y, float["batch", 4] produced_by_nobody) {
          ["sound/relu"] start = Relu(x)
          ["cycle/add"] around = Add(start, back)
          ["cycle/neg"] back = Neg(around)
          ["dangling/mul"] scaled = Mul(start, never_defined)
          ["unknown/operator"] odd = Reluu(scaled)
          ["unknown/attribute"] leaky = LeakyRelu <slope = 0.1> (odd)
          ["missing/attribute"] cast = Cast(leaky)
          ["missing/input"] product = MatMul(cast)
          ["no_import/custom"] custom = nowhere.Custom(product)
          ["duplicate/first"] twice = Sigmoid(custom)
          ["duplicate/second"] twice = Tanh(custom)
          ["dead/exp"] unused = Exp(start)
          ["mismatch/matmul"] y = MatMul(twice, short_weight)
        }""")
    graph = model.graph
    too_short = TensorProto(name="short_weight", data_type=TensorProto.FLOAT, dims=[4, 4], raw_data=bytes(24))
    graph.initializer.append(too_short)
    graph.initializer.append(helper.make_tensor("unused_weight", TensorProto.FLOAT, [2], [1.0, 2.0]))
    return model


SAMPLES = (
    Sample(
        "broken.onnx",
        "A broken model",
        "A dozen faults at once: it still opens and draws, and every finding names its place.",
        broken,
    ),
)
