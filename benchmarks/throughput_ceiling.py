"""Measure the machine's best rate of multiplication: one large product, a worker a core."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime

# Rows, inner width, columns: the shapes of our layers, and one in which all reuse is possible.
SIZES = ((2048, 384, 384), (2048, 384, 1536), (2048, 1536, 384), (2048, 2048, 2048))

SECONDS = 0.5


def int8(threads: int) -> float:
    """Return the most 8-bit operations a second (unsigned x signed), in thousand millions."""
    from onnx import TensorProto

    return _best(threads, "MatMulInteger", TensorProto.UINT8, TensorProto.INT32)


def float32(threads: int) -> float:
    """Return the most float32 operations a second, in thousand millions."""
    from onnx import TensorProto

    return _best(threads, "MatMul", TensorProto.FLOAT, TensorProto.FLOAT)


def _best(threads: int, kind: str, input_type: int, output_type: int) -> float:
    return max(_rate(threads, kind, input_type, output_type, size) for size in SIZES)


def _rate(
    threads: int, kind: str, input_type: int, output_type: int, size: tuple[int, int, int]
) -> float:
    rows, inner, columns = size
    random = np.random.default_rng(1)
    weight = random.integers(-127, 128, (inner, columns)).astype(np.int8)
    x: Any = random.integers(0, 256, (rows, inner)).astype(np.uint8)
    if kind == "MatMul":
        weight, x = weight.astype(np.float32), x.astype(np.float32)
    session = _session(kind, input_type, output_type, weight)

    def run() -> None:
        session.run(None, {"x": x})

    with ThreadPoolExecutor(threads) as workers:
        runs = sum(workers.map(_loop, [run] * threads))
    return 2 * rows * inner * columns * runs / 1e9


def _loop(run: Callable[[], None]) -> float:
    """Return the runs a second of ``run``, without the first one."""
    run()
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        run()
        number += 1
    return number / (time.perf_counter() - began)


def _session(kind: str, input_type: int, output_type: int, weight: Any) -> Any:
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "weight"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", input_type, [None, None])],
        [helper.make_tensor_value_info("y", output_type, [None, None])],
        initializer=[numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
