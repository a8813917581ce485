"""The other side of `cargo xtask bench embed`: the same model on onnxruntime, in 32-bit floats, on one thread.

    python reference.py MODEL

Reads lines of JSON from standard input and answers each with one. `{"tokens": [[…], …], "passes": N}` runs each list of
tokens N times, and the answer has the processor time of a pass in milliseconds and the vector for each list.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

# What onnxruntime's own optimiser for transformers makes of a BERT model are these operators.
FUSED = "com.microsoft"


class Graph:
    def __init__(self, model):
        self.config = json.loads((model / "config.json").read_text())
        self.tensors = load_file(model / "model.safetensors")
        self.nodes, self.initializers, self.names = [], [], set()

    def constant(self, name, value):
        if name not in self.names:
            self.names.add(name)
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def tensor(self, name):
        return self.constant(name, self.tensors[name])

    def node(self, kind, inputs, domain="", outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{at}" for at in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def weight(self, name):
        return self.constant(name + ".weight.T", self.tensors[name + ".weight"].T)

    def norm(self, x, added, bias, name):
        inputs = [x, added, self.tensor(name + ".weight"), self.tensor(name + ".bias")] + ([bias] if bias else [])
        return self.node("SkipLayerNormalization", inputs, FUSED, epsilon=self.config["layer_norm_eps"])

    def layer(self, x, name):
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.tensors[part + ".weight"].T for part in parts], axis=1)
        bias = np.concatenate([self.tensors[part + ".bias"] for part in parts])
        inputs = [x, self.constant(name + ".qkv", weight), self.constant(name + ".qkv.bias", bias)]
        attention = self.node("Attention", inputs, FUSED, num_heads=self.config["num_attention_heads"])
        output = self.node("MatMul", [attention, self.weight(f"{name}.attention.output.dense")])
        bias = self.tensor(f"{name}.attention.output.dense.bias")
        x = self.norm(output, x, bias, f"{name}.attention.output.LayerNorm")
        wide = self.node("MatMul", [x, self.weight(f"{name}.intermediate.dense")])
        wide = self.node("BiasGelu", [wide, self.tensor(f"{name}.intermediate.dense.bias")], FUSED)
        narrow = self.node("MatMul", [wide, self.weight(f"{name}.output.dense")])
        return self.norm(narrow, x, self.tensor(f"{name}.output.dense.bias"), f"{name}.output.LayerNorm")

    def build(self):
        positions = self.tensors["embeddings.position_embeddings.weight"]
        positions = positions + self.tensors["embeddings.token_type_embeddings.weight"][0]
        words = self.node("Gather", [self.tensor("embeddings.word_embeddings.weight"), "tokens"])
        shape = self.node("Shape", ["tokens"], start=1, end=2)
        ends = self.node("Slice", [self.constant("positions", positions), self.constant("zero", np.array([0])), shape])
        x = self.node("Add", [words, ends])
        x = self.node(
            "LayerNormalization",
            [x, self.tensor("embeddings.LayerNorm.weight"), self.tensor("embeddings.LayerNorm.bias")],
            epsilon=self.config["layer_norm_eps"],
        )
        for layer in range(self.config["num_hidden_layers"]):
            x = self.layer(x, f"encoder.layer.{layer}")
        mean = self.node("ReduceMean", [x, self.constant("one", np.array([1]))], keepdims=0)
        self.nodes.append(helper.make_node("LpNormalization", [mean], ["vector"], axis=-1, p=2))
        graph = helper.make_graph(
            self.nodes,
            "encoder",
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"])],
            [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", self.config["hidden_size"]])],
            self.initializers,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    before = resident()
    start = time.monotonic()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    model = Graph(Path(sys.argv[1])).build().SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    del model
    ready = {"version": onnxruntime.__version__, "load_ms": (time.monotonic() - start) * 1e3}
    print(json.dumps(ready | {"resident": resident() - before}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answers = []
        for tokens in request["tokens"]:
            inputs = {"tokens": np.array([tokens], dtype=np.int64)}
            start = time.thread_time()
            for _ in range(request["passes"]):
                vector = session.run(None, inputs)[0][0]
            spent = time.thread_time() - start
            answers.append({"ms": spent * 1e3 / request["passes"], "vector": vector.tolist()})
        print(json.dumps(answers), flush=True)


main()
