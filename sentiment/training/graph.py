"""Write the trained network as an ONNX graph, node by node: float32, or int8 with fixed ranges.

It uses the standard operators of opset 20, and two of ONNX Runtime's own where they save passes
over memory. The word embeddings stay in the 4-bit blocks they were read as, and a row is unpacked
on look-up; nothing is lost, because they were frozen. In the int8 graph every large product takes
integers: weights signed, one scale an output channel; activations unsigned, one scale a tensor,
fixed beforehand. A scale computed from the batch ("dynamic") would let a text's answer depend on
the other texts of its batch.
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
RUNTIMES_OWN = "com.microsoft"
# Operators of ONNX Runtime's own domain: a product of transposed inputs, and an int8 product that
# scales and adds the bias as it writes.
FUSED = frozenset({"FusedMatMul", "MatMulIntegerToFloat"})

Array = np.ndarray[Any, Any]
Ranges = Mapping[str, tuple[float, float]]
# By the name of a product's input: the divisors of its channels, applied before rounding.
ChannelDivisors = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The contents of the graph.

    ``blocks``: word embeddings [pieces, blocks, 18]. ``tensors``: by BertModel's names, with
    ``head.weight`` [answers, 2 * hidden] and ``head.bias`` [answers]. ``marker``: the id of our
    brand's marker.
    """

    blocks: Array
    tensors: Mapping[str, Array]
    layers: int
    heads: int
    epsilon: float
    max_tokens: int
    marker: int


@dataclass(slots=True)
class _Graph:
    """Collect nodes and constants of a graph.

    ``steps``: (scale, zero point) of every tensor that holds integers, by its name. ``divided``:
    the divisors of its channels.
    """

    ranges: Ranges | None
    channel_divisors: ChannelDivisors
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    divided: dict[str, Array] = field(default_factory=dict)

    def const(self, name: str, value: Array) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        domain = RUNTIMES_OWN if kind in FUSED else ""
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def shape(self, *sizes: int) -> str:
        name = "shape_" + "_".join(str(s) for s in sizes).replace("-", "m")
        return self.const(name, np.array(sizes, dtype=np.int64))

    def product(self, x: str, name: str, weight: Array, bias: Array) -> str:
        """Add x @ weight + bias, weight [in, out]; in integers when ``x`` is ``quantised``."""
        b = self.const(f"{name}.bias", bias.astype(np.float32))
        if x not in self.steps:
            w = self.const(f"{name}.weight", weight.astype(np.float32))
            return self.add(
                "Add", [self.add("MatMul", [x, w], f"{name}.product"), b], f"{name}.out"
            )
        scale, zero = self.steps[x]
        if x in self.divided:
            weight = weight * self.divided[x][:, None]
        w, w_scale = self._int8(name, weight)
        inputs = [x, w, scale, w_scale, zero, "", b]
        return self.add("MatMulIntegerToFloat", inputs, f"{name}.out")

    def quantised(self, x: str, name: str) -> str:
        """Add ``x`` in integers, by the range of the product ``name``; ``x`` without ranges."""
        if self.ranges is None:
            return x
        divisor = self.channel_divisors.get(f"{name}.input")
        if divisor is not None:
            # shipped graphs hold this name; training.rebuild reads it
            factor = self.const(f"{name}.evening", (1.0 / divisor).astype(np.float32))
            x = self.add("Mul", [x, factor], f"{name}.evened")
        low, high = self.ranges[f"{name}.input"]
        low, high = min(low, 0.0), max(high, 0.0)
        step = (high - low) / 255.0
        scale = self.const(f"{x}.scale", np.array(step, dtype=np.float32))
        zero = self.const(f"{x}.zero", np.array(round(-low / step), dtype=np.uint8))
        q = self.add("QuantizeLinear", [x, scale, zero], f"{x}.q")
        self.steps[q] = (scale, zero)
        if divisor is not None:
            self.divided[q] = divisor
        return q

    def moved(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node that only changes the order or shape of the first input's values."""
        if inputs[0] in self.steps:
            self.steps[output] = self.steps[inputs[0]]
        return self.add(kind, inputs, output, **attributes)

    def _int8(self, name: str, weight: Array) -> tuple[str, str]:
        step = np.abs(weight).max(axis=0) / 127.0
        q = np.clip(np.round(weight / step), -127, 127).astype(np.int8)
        return (
            self.const(f"{name}.weight", q),
            self.const(f"{name}.weight.scale", step.astype(np.float32)),
        )

    def norm(self, x: str, name: str, tensors: Mapping[str, Array], epsilon: float) -> str:
        scale = self.const(f"{name}.weight", tensors[f"{name}.weight"])
        bias = self.const(f"{name}.bias", tensors[f"{name}.bias"])
        return self.add(
            "LayerNormalization", [x, scale, bias], f"{name}.out", axis=-1, epsilon=epsilon
        )


def build(
    weights: Weights,
    ranges: Ranges | None = None,
    watch: bool = False,
    channel_divisors: ChannelDivisors | None = None,
) -> Any:
    """Return the ModelProto; int8 when ``ranges`` gives (low, high) of every product's input.

    ``channel_divisors`` divides the channels of some of these inputs before rounding, and
    multiplies the product's weights by as much. A few channels are far larger than the others, and
    one scale for all channels leaves the others few steps (Xiao et al. 2023, "SmoothQuant").
    ``ranges`` are those of the divided inputs. ``watch`` (float32 only) adds every product's input,
    undivided, as an output named ``NAME.input``.

    1. Look up and add the embeddings.
    2. Add each layer: attention, then the inner and outer product.
    3. Pool over the tokens, and over our brand's markers, and add the head.
    4. Declare inputs and outputs, and check the model.
    """
    graph = _Graph(ranges, channel_divisors or {})
    x = _embeddings(graph, weights)
    bias = _mask_bias(graph)
    watched: dict[str, str] = {}
    for layer in range(weights.layers):
        x = _layer(graph, weights, f"encoder.layer.{layer}", x, bias, watched)
    _head(graph, weights, x)
    width = len(weights.tensors["head.bias"])
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", width])]
    if watch:
        for name, source in watched.items():
            graph.add("Identity", [source], f"{name}.input")
            info = helper.make_tensor_value_info(f"{name}.input", TensorProto.FLOAT, [None] * 3)
            outputs.append(info)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "earful", inputs, outputs, initializer=list(graph.constants.values())
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIMES_OWN, 1)],
        producer_name="earful",
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
    offsets = g.add("Slice", ["positions", zero, tokens], "positions_here")
    summed = g.add("Add", [words, offsets], "embedded")
    return g.norm(summed, "embeddings.LayerNorm", w.tensors, w.epsilon)


def _mask_bias(g: _Graph) -> str:
    mask = g.add("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    absent = g.add("Sub", [g.const("one", np.array(1, dtype=np.float32)), mask], "absent")
    far = g.add("Mul", [absent, g.const("masked", np.array(MASKED, dtype=np.float32))], "far")
    axes = g.const("axes_1_2", np.array([1, 2], dtype=np.int64))
    return g.add("Unsqueeze", [far, axes], "mask_bias")


def _layer(g: _Graph, w: Weights, at: str, x: str, bias: str, watched: dict[str, str]) -> str:
    t = w.tensors

    def dense(x: str, name: str) -> str:
        return g.product(x, f"{at}.{name}", t[f"{at}.{name}.weight"].T, t[f"{at}.{name}.bias"])

    watched[f"{at}.qkv"] = x
    mixed = _mixed(g, w, at, g.quantised(x, f"{at}.qkv"), bias)
    # in integers before it is moved: a quarter of the bytes
    context = g.quantised(mixed, f"{at}.attention.output.dense")
    context = g.moved("Transpose", [context], f"{at}.back", perm=[0, 2, 1, 3])
    hidden = len(t[f"{at}.output.dense.bias"])
    context = g.moved("Reshape", [context, g.shape(0, 0, hidden)], f"{at}.context")
    watched[f"{at}.attention.output.dense"] = context
    x = g.add("Add", [dense(context, "attention.output.dense"), x], f"{at}.attended")
    x = g.norm(x, f"{at}.attention.output.LayerNorm", t, w.epsilon)
    watched[f"{at}.intermediate.dense"] = x
    inner = dense(g.quantised(x, f"{at}.intermediate.dense"), "intermediate.dense")
    inner = g.add("Gelu", [inner], f"{at}.gelu")
    watched[f"{at}.output.dense"] = inner
    outer = dense(g.quantised(inner, f"{at}.output.dense"), "output.dense")
    x = g.add("Add", [outer, x], f"{at}.sum")
    return g.norm(x, f"{at}.output.LayerNorm", t, w.epsilon)


def _mixed(g: _Graph, w: Weights, at: str, x: str, bias: str) -> str:
    """Return the values mixed by attention, [rows, heads, tokens, head width]."""
    parts = []
    for part in ("query", "key", "value"):
        name = f"{at}.attention.self.{part}"
        head = len(w.tensors[f"{name}.bias"]) // w.heads
        # the attention's 1/sqrt(head width) is folded into the queries
        fold = head**-0.5 if part == "query" else 1.0
        weight, offset = w.tensors[f"{name}.weight"].T * fold, w.tensors[f"{name}.bias"] * fold
        # three products and no split: cutting one wide product apart costs another pass
        wide = g.product(x, name, weight, offset)
        split = g.add("Reshape", [wide, g.shape(0, 0, w.heads, head)], f"{name}.split")
        parts.append(g.add("Transpose", [split], f"{name}.heads", perm=[0, 2, 1, 3]))
    query, key, value = parts
    scores = g.add("FusedMatMul", [query, key], f"{at}.scores", transB=1)
    seen = g.add("Add", [scores, bias], f"{at}.seen")
    shares = g.add("Softmax", [seen], f"{at}.shares", axis=-1)
    return g.add("MatMul", [shares, value], f"{at}.mixed")


def _head(g: _Graph, w: Weights, x: str) -> None:
    # Sums over rows and the MatMul of a matrix round differently for one row and for many.
    # A product a row and a sum along the last axis do not.
    last = g.const("axis_last", np.array([-1], dtype=np.int64))
    everywhere = _pooled(g, x, "mask", "pooled")
    row = g.add("Concat", [everywhere, _pooled(g, x, _ours(g, w), "ours")], "both", axis=-1)
    matrix = g.const("head.weight", w.tensors["head.weight"].astype(np.float32))
    products = g.add("Mul", [row, matrix], "head.products")
    sums = g.add("ReduceSum", [products, last], "head.sums", keepdims=0)
    g.add("Add", [sums, g.const("head.bias", w.tensors["head.bias"])], "logits")


def _pooled(g: _Graph, x: str, weights: str, name: str) -> str:
    """Return the mean of ``x`` over the tokens by their weights, [rows, 1, channels]."""
    last = g.const("axis_last", np.array([-1], dtype=np.int64))
    second = g.const("axis_1", np.array([1], dtype=np.int64))
    count = g.add("ReduceSum", [weights, last], f"{name}.count", keepdims=1)
    share = g.add("Div", [weights, count], f"{name}.share")
    return g.add("MatMul", [g.add("Unsqueeze", [share, second], f"{name}.shares"), x], name)


def _ours(g: _Graph, w: Weights) -> str:
    """Return 1 at the tokens that are our brand's marker; all tokens when a text has none."""
    last = g.const("axis_last", np.array([-1], dtype=np.int64))
    marker = g.const("marker", np.array(w.marker, dtype=np.int64))
    is_marker = g.add("Equal", ["input_ids", marker], "is_marker")
    markers = g.add("Cast", [is_marker], "markers", to=TensorProto.FLOAT)
    number = g.add("ReduceSum", [markers, last], "markers.count", keepdims=1)
    none = g.const("none", np.array(0, dtype=np.float32))
    has_one = g.add("Greater", [number, none], "has_marker")
    return g.add("Where", [has_one, markers, "mask"], "ours.weights")
