"""What the stand-in's classes do."""

import ctypes
import json
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

trt = {}
"""The stand-in's module, as it is for the version of the day."""
_KINDS = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.INT8: "INT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
}
_NUMPY = {
    "FLOAT": "float32",
    "HALF": "float16",
    "BF16": "uint16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
_FORMATS = {
    "FLOAT": "Float",
    "HALF": "Half",
    "BF16": "BFloat16",
    "INT8": "Int8",
    "INT32": "Int32",
    "INT64": "Int64",
    "BOOL": "Bool",
}
_UNKNOWN = ("Nope", "NonMaxSuppressionX")


def _new(name):
    kind = trt[name]
    return kind.__new__(kind)


def _dtype(number):
    members = trt["DataType"].__members__
    kind = _KINDS[number]
    return members[kind] if kind in members else members["INT32"]  # version 8 takes 64-bit integers as 32


def _major():
    return int(json.loads(Path(os.environ["FAKE_TENSORRT"]).read_text())["version"].split(".")[0])


class Builder:
    def __init__(self, logger):
        if os.environ.get("FAKE_TENSORRT_FAILS") == "builder":
            logger.log(trt["ILogger"].Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._logger = logger

    def create_network(self, flags=0):
        network = _new("INetworkDefinition")
        network._flags, network._model, network._unfused = flags, None, False
        if _major() < 10 and not flags & 1:
            raise RuntimeError("implicit batch is not what the worker wants")
        return network

    def create_builder_config(self):
        config = _new("IBuilderConfig")
        config._asked = {"flags": {"TF32": True}, "profiles": [], "pools": {}, "preview": {}, "tactics": None}
        return config

    def create_optimization_profile(self):
        profile = _new("IOptimizationProfile")
        profile._ranges = {}
        return profile

    def build_serialized_network(self, network, config):
        if os.environ.get("FAKE_TENSORRT_FAILS") == "build":
            self._logger.log(trt["ILogger"].Severity.ERROR, "10: Could not find any implementation for node conv1.")
            return None
        asked = config._asked
        for attribute in ("builder_optimization_level", "profiling_verbosity"):
            if attribute in vars(config):
                asked[attribute] = int(getattr(config, attribute))
        monitor = vars(config).get("progress_monitor")
        if monitor is not None:
            monitor.phase_start("Building Engine", None, 4)
            monitor.phase_start("Tactic Selection", "Building Engine", 2)
            monitor.step_complete("Building Engine", 2)
            monitor.phase_finish("Building Engine")
        calibrator = vars(config).get("int8_calibrator")
        if calibrator is not None:
            names, asked["calibrated"] = [value.name for value in network._model.graph.input], 0
            assert calibrator.get_batch_size() == 1
            while calibrator.get_batch(names) is not None:
                asked["calibrated"] += 1
        asked.update(network=network._flags, unfused=network._unfused, version=trt["__version__"])
        return trt["IHostMemory"](json.dumps(asked).encode() + b"\0" + network._model.SerializeToString())


class IHostMemory(bytearray):
    nbytes = property(len)


class INetworkDefinition:
    num_inputs = property(lambda self: len(self._model.graph.input))

    def get_input(self, index):
        value, tensor = self._model.graph.input[index], _new("ITensor")
        kind = _dtype(value.type.tensor_type.elem_type)
        vars(tensor).update(name=value.name, dtype=kind, is_shape_tensor=False)
        return tensor

    def mark_unfused_tensors_as_debug_tensors(self):
        self._unfused = True
        return True


class IOptimizationProfile:
    def set_shape(self, input, min, opt, max):
        self._ranges[input] = [list(min), list(opt), list(max)]


class IBuilderConfig:
    def set_flag(self, flag):
        self._asked["flags"][flag.name] = True

    def clear_flag(self, flag):
        self._asked["flags"][flag.name] = False

    def set_preview_feature(self, feature, enable):
        self._asked["preview"][feature.name] = enable

    def set_memory_pool_limit(self, pool, pool_size):
        self._asked["pools"][pool.name] = pool_size

    def set_tactic_sources(self, tactic_sources):
        self._asked["tactics"] = tactic_sources
        return True

    def add_optimization_profile(self, profile):
        self._asked["profiles"].append(profile._ranges)
        return len(self._asked["profiles"]) - 1

    def create_timing_cache(self, serialized_timing_cache):
        if serialized_timing_cache and not bytes(serialized_timing_cache).startswith(b"timings"):
            return None
        cache = _new("ITimingCache")
        cache._data = bytes(serialized_timing_cache) or b"timings"
        return cache

    def set_timing_cache(self, cache, ignore_mismatch):
        self._cache = cache
        return True

    def get_timing_cache(self):
        return self._cache


class ITimingCache:
    def serialize(self):
        return trt["IHostMemory"](self._data + b".")


class ParserError:
    def code(self):
        return trt["ErrorCode"].UNSUPPORTED_NODE

    def desc(self):
        return self._told["message"]

    def node(self):
        return self._told["node"]

    def node_name(self):
        return self._told["name"]

    def node_operator(self):
        return self._told["op"]

    def local_function_stack(self):
        return []


class OnnxParser:
    def __init__(self, network, logger):
        self._network, self._errors, self._groups = network, [], []

    num_errors = property(lambda self: len(self._errors))
    num_subgraphs = property(lambda self: len(self._groups))

    def get_error(self, index):
        error = _new("ParserError")
        error._told = self._errors[index]
        return error

    def parse(self, model, path=None):
        proto = onnx.load_from_string(bytes(model))
        if proto.ir_version > {8: 9}.get(_major(), 99) or self._lacking(proto):
            return False
        try:
            for tensor in proto.graph.initializer:
                _read_external(tensor, path)
        except ValueError as error:
            self._errors.append({"message": str(error), "node": -1, "name": "", "op": ""})
            return False
        self._network._model = proto
        return True

    def supports_model(self, model, path=None):
        return self._split(onnx.load_from_string(bytes(model))), self._groups

    def supports_model_v2(self, model, path=None):
        return self._split(onnx.load_from_string(bytes(model)))

    def get_subgraph_nodes(self, index):
        return self._groups[index][0]

    def is_subgraph_supported(self, index):
        return self._groups[index][1]

    def _lacking(self, proto):
        for at, node in enumerate(proto.graph.node):
            if node.op_type in _UNKNOWN:
                text = f"In node {at} with name: {node.name} and operator: {node.op_type}:\nPlugin not found"
                self._errors.append({"message": text, "node": at, "name": node.name, "op": node.op_type})
        return bool(self._errors)

    def _split(self, proto):
        self._lacking(proto)
        bad = {error["node"] for error in self._errors}
        for at in range(len(proto.graph.node)):
            fine = at not in bad
            if self._groups and self._groups[-1][1] == fine:
                self._groups[-1][0].append(at)
            else:
                self._groups.append(([at], fine))
        return not self._errors


def _read_external(tensor, path):
    """Read a tensor's values as onnx-tensorrt's WeightsContext does: few keys, no way up, exactly its length."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return
    said = {entry.key: entry.value for entry in tensor.external_data}
    if set(said) - {"location", "offset", "length", "checksum"}:
        raise ValueError("Key value was not expected!")
    if "../" in said["location"]:
        raise ValueError("Relative paths to parent (../) are not allowed in ONNX external weights!")
    file = Path(path).parent / said["location"]
    data = file.read_bytes()
    offset = int(said.get("offset", 0))
    length = int(said.get("length", 0)) or len(data)
    wanted = np.prod(tensor.dims, dtype=int) * (
        4 if tensor.data_type == TensorProto.DOUBLE else helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    )
    if wanted != length:
        raise ValueError("Unexpected size for the external weights!")
    tensor.raw_data = data[offset : offset + length]
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


class Runtime:
    def __init__(self, logger):
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        header, _, model = bytes(serialized_engine).partition(b"\0")
        try:
            asked = json.loads(header)
        except ValueError:
            asked = {}
        if asked.get("version") != trt["__version__"]:
            self._logger.log(
                trt["ILogger"].Severity.ERROR, "6: The engine plan file is not compatible with this version of TensorRT"
            )
            return None
        engine = _new("ICudaEngine")
        engine._asked, engine._model = asked, onnx.load_from_string(model)
        inferred = onnx.shape_inference.infer_shapes(engine._model, data_prop=True)
        engine._types = {
            value.name: value.type.tensor_type.elem_type
            for value in (*inferred.graph.value_info, *inferred.graph.output, *inferred.graph.input)
        }
        return engine


class ICudaEngine:
    num_io_tensors = property(lambda self: len(self._io()))
    num_layers = property(lambda self: len(self._model.graph.node))
    device_memory_size = property(lambda self: 1024)
    device_memory_size_v2 = property(lambda self: 1024)

    def _io(self):
        return [*self._model.graph.input, *self._model.graph.output]

    def _entry(self, name):
        return next(value for value in self._io() if value.name == name)

    def get_tensor_name(self, index):
        return self._io()[index].name

    def get_tensor_mode(self, name):
        mode = trt["TensorIOMode"]
        return mode.INPUT if any(value.name == name for value in self._model.graph.input) else mode.OUTPUT

    def get_tensor_dtype(self, name):
        return _dtype(self._types[name])

    def get_tensor_shape(self, name):
        return self._shape(name)

    def _shape(self, name):
        shape = self._entry(name).type.tensor_type.shape
        return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in shape.dim)

    def get_tensor_location(self, name):
        return trt["TensorLocation"].DEVICE

    def get_tensor_profile_shape(self, name, profile_index):
        return [tuple(each) for each in self._range(name)]

    def _range(self, name):
        fixed = list(self._shape(name))
        profiles = self._asked["profiles"] or [{}]
        return profiles[0].get(name, [fixed, fixed, fixed])

    def create_execution_context(self, *strategy):
        context = _new("IExecutionContext")
        context._engine, context._shapes, context._addresses, context._allocators = self, {}, {}, {}
        # Before version 10 a profile serves one context, unless PROFILE_SHARING_0806 is asked for.
        free = any(-1 in self._shape(value.name) for value in self._model.graph.input)
        context._lacks_profile = _major() < 10 and free and vars(self).get("_in_use", False)
        self._in_use = True
        return context

    def create_engine_inspector(self):
        inspector = _new("EngineInspector")
        inspector._engine = self
        return inspector


class EngineInspector:
    def get_engine_information(self, format):
        engine = self._engine
        lowered = next((kind for kind in ("FP8", "INT8", "BF16", "FP16") if engine._asked["flags"].get(kind)), None)
        shown = {"FP16": "Half", "BF16": "BFloat16", "INT8": "Int8", "FP8": "FP8"}.get(lowered)
        if os.environ.get("FAKE_TENSORRT_FAILS") == "precision":
            shown = "Float"
        layers = []
        for node in engine._model.graph.node:

            def port(name):
                kind = _FORMATS.get(_KINDS.get(engine._types.get(name, 1), ""), "Float")
                kind = shown if shown and kind == "Float" else "Float" if shown == "Float" and kind == "Half" else kind
                return {"Name": name, "Dimensions": [1], "Format/Datatype": kind}

            layers.append(
                {
                    "Name": node.name,
                    "LayerType": node.op_type,
                    "Inputs": [port(name) for name in node.input if name in engine._types],
                    "Outputs": [port(name) for name in node.output],
                    "Metadata": f"[ONNX Layer: {node.name}]",
                }
            )
        return json.dumps({"Layers": layers, "Bindings": [value.name for value in engine._io()]})


class IExecutionContext:
    def set_input_shape(self, name, shape):
        least, _, most = self._engine._range(name)
        fine = (
            not self._lacks_profile
            and len(shape) == len(least)
            and all(low <= at <= high for low, at, high in zip(least, shape, most))
        )
        if fine:
            self._shapes[name] = tuple(shape)
        return fine

    def set_tensor_address(self, name, memory):
        self._addresses[name] = memory
        return True

    def set_output_allocator(self, name, output_allocator):
        self._allocators[name] = output_allocator
        return True

    def infer_shapes(self):
        return [value.name for value in self._engine._model.graph.input if value.name not in self._shapes]

    def get_tensor_shape(self, name):
        shape = self._engine.get_tensor_shape(name)
        declared = self._engine._entry(name).type.tensor_type.shape.dim
        known = {}
        for value in self._engine._model.graph.input:
            for dim, length in zip(value.type.tensor_type.shape.dim, self._shapes.get(value.name, ())):
                known[dim.dim_param] = length
        found = tuple(known.get(dim.dim_param, -1) if length < 0 else length for dim, length in zip(declared, shape))
        if not self._engine._entry(name).type.tensor_type.HasField("shape"):
            return self._run()[name].shape
        return found

    def set_debug_listener(self, listener):
        self._listener = listener
        return True

    def _run(self):
        model = onnx.ModelProto()
        model.CopyFrom(self._engine._model)
        computed = [name for node in model.graph.node for name in node.output if name]
        feeds = {}
        for value in model.graph.input:
            kind = _dtype(value.type.tensor_type.elem_type).name
            shape = self._shapes[value.name]
            array = np.empty(shape, _NUMPY[kind])
            if value.name in self._addresses:
                ctypes.memmove(array.ctypes.data, self._addresses[value.name], array.nbytes)
            else:
                array[...] = 1
            wanted = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            feeds[value.name] = array.astype(wanted)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in computed)
        return {
            name: np.asarray(value) for name, value in zip(computed, ReferenceEvaluator(model).run(computed, feeds))
        }

    def execute_async_v3(self, stream_handle):
        if os.environ.get("FAKE_TENSORRT_FAILS") == "run":
            return False
        values = self._run()
        outputs = {value.name for value in self._engine._model.graph.output}
        for name in outputs:
            kind = self._engine.get_tensor_dtype(name).name
            array = np.ascontiguousarray(values[name].astype(_NUMPY[kind]))
            address = self._addresses.get(name)
            if name in self._allocators:
                allocator = self._allocators[name]
                reallocate = getattr(allocator, "reallocate_output_async", None) if _major() >= 10 else None
                address = (
                    reallocate(name, 0, array.nbytes, 256, 0)
                    if reallocate
                    else allocator.reallocate_output(name, 0, array.nbytes, 256)
                )
                allocator.notify_shape(name, array.shape)
            ctypes.memmove(address, array.ctypes.data, array.nbytes)
        profiler = vars(self).get("profiler")
        if profiler is not None:
            for node in self._engine._model.graph.node:
                profiler.report_layer_time(node.name, 0.25)
        if self._engine._asked["unfused"] and vars(self).get("unfused_tensors_debug_state"):
            self._tell(values, outputs)
        return True

    def _tell(self, values, outputs):
        """A tensor before an activation counts as fused, for the sake of having one."""
        fused = {node.input[0] for node in self._engine._model.graph.node if node.op_type == "Relu"}
        for name, value in [*values.items(), ("__myln_k_arg__bb1_3", np.zeros(3, np.float32))]:
            if name in outputs or name in fused:
                continue
            array = np.ascontiguousarray(value, np.float32)
            kind = trt["DataType"].__members__["FLOAT"]
            place = trt["TensorLocation"].DEVICE
            assert self._listener.process_debug_tensor(array.ctypes.data, place, kind, array.shape, name, 8)


class IProfiler:
    def __init__(self):
        pass


IProgressMonitor = IDebugListener = IOutputAllocator = IInt8EntropyCalibrator2 = ILogger = IProfiler
