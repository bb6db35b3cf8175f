"""Write the trained network as an ONNX graph, node by node: float32, or int8 with fixed ranges.

Only standard operators of opset 20 are used. The word embeddings stay the 4-bit blocks they were
read as (nothing is lost, as they were frozen) and a row is unpacked when it is looked up. In the
int8 graph every large matrix product is Q/DQ: weights signed, one scale an output channel;
activations unsigned, one scale a tensor that was fixed beforehand. A scale computed from the
batch ("dynamic") would let a text's answer depend on which others it was classified with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 9
MASKED = -10_000.0

Array = np.ndarray[Any, Any]
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """All that the graph holds. ``blocks`` [pieces, blocks, 18]; ``tensors`` as BertModel names
    them, and ``head.weight`` [3, hidden], ``head.bias`` [3]."""

    blocks: Array
    tensors: Mapping[str, Array]
    layers: int
    heads: int
    epsilon: float
    max_tokens: int


@dataclass(slots=True)
class _Graph:
    ranges: Ranges | None
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def const(self, name: str, value: Array) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def add(self, kind: str, inputs: list[str], out: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def shape(self, *sizes: int) -> str:
        name = "shape_" + "_".join(str(s) for s in sizes).replace("-", "m")
        return self.const(name, np.array(sizes, dtype=np.int64))

    def product(self, x: str, name: str, weight: Array, bias: Array) -> str:
        """x @ weight + bias, with weight [in, out]; int8 when ranges are known."""
        if self.ranges is None:
            w = self.const(f"{name}.weight", weight.astype(np.float32))
        else:
            x = self._quantised(x, *self.ranges[f"{name}.input"])
            w = self._int8(name, weight)
        y = self.add("MatMul", [x, w], f"{name}.product")
        b = self.const(f"{name}.bias", bias.astype(np.float32))
        return self.add("Add", [y, b], f"{name}.out")

    def _quantised(self, x: str, low: float, high: float) -> str:
        low, high = min(low, 0.0), max(high, 0.0)
        step = (high - low) / 255.0
        scale = self.const(f"{x}.scale", np.array(step, dtype=np.float32))
        zero = self.const(f"{x}.zero", np.array(round(-low / step), dtype=np.uint8))
        q = self.add("QuantizeLinear", [x, scale, zero], f"{x}.q")
        return self.add("DequantizeLinear", [q, scale, zero], f"{x}.dq")

    def _int8(self, name: str, weight: Array) -> str:
        step = np.abs(weight).max(axis=0) / 127.0
        q = np.clip(np.round(weight / step), -127, 127).astype(np.int8)
        inputs = [
            self.const(f"{name}.weight", q),
            self.const(f"{name}.weight.scale", step.astype(np.float32)),
            self.const(f"{name}.weight.zero", np.zeros(len(step), dtype=np.int8)),
        ]
        return self.add("DequantizeLinear", inputs, f"{name}.weight.dq", axis=1)

    def norm(self, x: str, name: str, tensors: Mapping[str, Array], epsilon: float) -> str:
        scale = self.const(f"{name}.weight", tensors[f"{name}.weight"])
        bias = self.const(f"{name}.bias", tensors[f"{name}.bias"])
        return self.add(
            "LayerNormalization", [x, scale, bias], f"{name}.out", axis=-1, epsilon=epsilon
        )


def build(weights: Weights, ranges: Ranges | None = None, watch: bool = False) -> Any:
    """Return the ModelProto; int8 when ``ranges`` gives (low, high) of every product's input.

    ``watch`` (float32 only) adds every product's input as an output named ``NAME.input``.
    """
    graph = _Graph(ranges)
    x = _embeddings(graph, weights)
    bias = _mask_bias(graph)
    watched: dict[str, str] = {}
    for layer in range(weights.layers):
        x = _layer(graph, weights, f"encoder.layer.{layer}", x, bias, watched)
    _head(graph, weights, x)
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", 3])]
    if watch:
        for name, source in watched.items():
            graph.add("Identity", [source], f"{name}.input")
            info = helper.make_tensor_value_info(f"{name}.input", TensorProto.FLOAT, [None] * 3)
            outputs.append(info)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    made = helper.make_graph(
        graph.nodes, "earful", inputs, outputs, initializer=list(graph.constants.values())
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="earful"
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def _embeddings(g: _Graph, w: Weights) -> str:
    hidden = len(w.tensors["embeddings.LayerNorm.bias"])
    g.const("words.nibbles", w.blocks[..., 2:])
    g.const("words.scale", w.blocks[..., :2].copy().view(np.float16))
    packed = g.add("Gather", ["words.nibbles", "input_ids"], "packed")
    scale16 = g.add("Gather", ["words.scale", "input_ids"], "scale16")
    scale = g.add("Cast", [scale16], "scale", to=TensorProto.FLOAT)
    low = g.add("BitwiseAnd", [packed, g.const("low_half", np.array(15, dtype=np.uint8))], "low")
    four = g.const("four", np.array(4, dtype=np.uint8))
    high = g.add("BitShift", [packed, four], "high", direction="RIGHT")
    nibbles = g.add("Concat", [low, high], "nibbles", axis=-1)
    values = g.add("Cast", [nibbles], "values", to=TensorProto.FLOAT)
    eight = g.const("eight", np.array(8.0, dtype=np.float32))
    centred = g.add("Sub", [values, eight], "centred")
    scaled = g.add("Mul", [centred, scale], "scaled")
    words = g.add("Reshape", [scaled, g.shape(0, 0, hidden)], "words")
    positions = w.tensors["embeddings.position_embeddings.weight"][: w.max_tokens]
    types = w.tensors["embeddings.token_type_embeddings.weight"][0]
    g.const("positions", positions + types)
    tokens = g.add("Shape", ["input_ids"], "tokens", start=1, end=2)
    zero = g.const("zero", np.zeros(1, dtype=np.int64))
    here = g.add("Slice", ["positions", zero, tokens], "positions_here")
    summed = g.add("Add", [words, here], "embedded")
    return g.norm(summed, "embeddings.LayerNorm", w.tensors, w.epsilon)


def _mask_bias(g: _Graph) -> str:
    mask = g.add("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    absent = g.add("Sub", [g.const("one", np.array(1, dtype=np.float32)), mask], "absent")
    far = g.add("Mul", [absent, g.const("masked", np.array(MASKED, dtype=np.float32))], "far")
    axes = g.const("axes_1_2", np.array([1, 2], dtype=np.int64))
    return g.add("Unsqueeze", [far, axes], "mask_bias")


def _layer(g: _Graph, w: Weights, at: str, x: str, bias: str, watched: dict[str, str]) -> str:
    t = w.tensors
    names = [f"{at}.attention.self.{part}" for part in ("query", "key", "value")]
    hidden = len(t[f"{at}.output.dense.bias"])
    head = hidden // w.heads
    # the attention's 1/sqrt(head width) is folded into the queries
    folded = [head**-0.5, 1.0, 1.0]
    matrix = np.concatenate([t[f"{n}.weight"].T * f for n, f in zip(names, folded, strict=True)], 1)
    offset = np.concatenate([t[f"{n}.bias"] * f for n, f in zip(names, folded, strict=True)])
    watched[f"{at}.qkv"] = x
    qkv = g.product(x, f"{at}.qkv", matrix, offset)
    split = g.add("Reshape", [qkv, g.shape(0, 0, 3, w.heads, head)], f"{at}.split")
    parts = [
        g.add(
            "Gather", [split, g.const(f"part{i}", np.array(i, dtype=np.int64))], f"{at}.{n}", axis=2
        )
        for i, n in enumerate("qkv")
    ]
    q = g.add("Transpose", [parts[0]], f"{at}.qt", perm=[0, 2, 1, 3])
    k = g.add("Transpose", [parts[1]], f"{at}.kt", perm=[0, 2, 3, 1])
    v = g.add("Transpose", [parts[2]], f"{at}.vt", perm=[0, 2, 1, 3])
    scores = g.add("MatMul", [q, k], f"{at}.scores")
    seen = g.add("Add", [scores, bias], f"{at}.seen")
    shares = g.add("Softmax", [seen], f"{at}.shares", axis=-1)
    mixed = g.add("MatMul", [shares, v], f"{at}.mixed")
    back = g.add("Transpose", [mixed], f"{at}.back", perm=[0, 2, 1, 3])
    context = g.add("Reshape", [back, g.shape(0, 0, hidden)], f"{at}.context")

    def dense(x: str, name: str) -> str:
        watched[f"{at}.{name}"] = x
        return g.product(x, f"{at}.{name}", t[f"{at}.{name}.weight"].T, t[f"{at}.{name}.bias"])

    attended = dense(context, "attention.output.dense")
    x = g.add("Add", [attended, x], f"{at}.attended")
    x = g.norm(x, f"{at}.attention.output.LayerNorm", t, w.epsilon)
    inner = g.add("Gelu", [dense(x, "intermediate.dense")], f"{at}.gelu")
    x = g.add("Add", [dense(inner, "output.dense"), x], f"{at}.sum")
    return g.norm(x, f"{at}.output.LayerNorm", t, w.epsilon)


def _head(g: _Graph, w: Weights, x: str) -> None:
    # Sums over rows and the MatMul of a matrix round otherwise for one row than for many;
    # a product a row and a sum along the last axis do not.
    last = g.const("axis_last", np.array([-1], dtype=np.int64))
    one = g.const("axis_1", np.array([1], dtype=np.int64))
    count = g.add("ReduceSum", ["mask", last], "count", keepdims=1)
    share = g.add("Div", ["mask", count], "share")
    shares = g.add("Unsqueeze", [share, one], "shares")
    row = g.add("MatMul", [shares, x], "pooled")
    matrix = g.const("head.weight", w.tensors["head.weight"].astype(np.float32))
    products = g.add("Mul", [row, matrix], "head.products")
    sums = g.add("ReduceSum", [products, last], "head.sums", keepdims=0)
    g.add("Add", [sums, g.const("head.bias", w.tensors["head.bias"])], "logits")
