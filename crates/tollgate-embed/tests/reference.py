"""Writes what the tests compare with: tokens of the reference tokenizer and vectors of a forward pass in 64 bits.

    python reference.py MODEL >it/reference.jsonl      (tokenizers, safetensors, numpy)
    python reference.py MODEL --tables                 (the tables of src/tokenizer/unicode.rs)

Nothing here is shared with the crate: the tokenizer is the one that the model is published with, and the forward pass is
written down anew from the model's description.
"""

import json
import math
import sys
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer, normalizers

MODEL = Path(sys.argv[1])
PROMPTS = (Path(__file__).parent / "it" / "prompts.txt").read_text(encoding="utf-8").splitlines()
HEAD = 32


def tokenizer():
    found = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    found.no_padding()
    found.enable_truncation(256)
    return found


class Forward:
    def __init__(self):
        self.config = json.loads((MODEL / "config.json").read_text())
        tensors = load_file(MODEL / "model.safetensors")
        self.tensors = {name: t.astype(np.float64) for name, t in tensors.items() if t.dtype == np.float32}
        self.erf = np.vectorize(math.erf)

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return x * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]

    def attention(self, x, name):
        split = lambda y: y.reshape(len(y), -1, HEAD).swapaxes(0, 1)
        query, key, value = (split(self.linear(x, f"{name}.self.{part}")) for part in ("query", "key", "value"))
        scores = query @ key.swapaxes(1, 2) / math.sqrt(HEAD)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mean = weights / weights.sum(-1, keepdims=True) @ value
        return self.linear(mean.swapaxes(0, 1).reshape(x.shape), f"{name}.output.dense")

    def __call__(self, tokens):
        table = lambda kind: self.tensors[f"embeddings.{kind}_embeddings.weight"]
        x = table("word")[tokens] + table("position")[: len(tokens)] + table("token_type")[0]
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            x = self.norm(x + self.attention(x, f"{name}.attention"), f"{name}.attention.output.LayerNorm")
            wide = self.linear(x, f"{name}.intermediate.dense")
            wide = wide * (1 + self.erf(wide / math.sqrt(2))) / 2
            x = self.norm(x + self.linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def prompts():
    """Lines of JSON: text, tokens, and the vector as half-precision numbers in hexadecimal."""
    encode, forward = tokenizer().encode, Forward()
    for line in PROMPTS:
        text = json.loads(line)
        tokens = encode(text).ids
        vector = forward(tokens).astype("<f2").tobytes().hex()
        print(json.dumps({"text": text, "tokens": tokens, "vector": vector}, ensure_ascii=False))


def sweep():
    """One line: for each block of 4096 code points, a checksum of the tokens of each between and after letters."""
    sums = []
    encode = tokenizer()
    encode.no_truncation()
    for block in range(0, 0x110000, 4096):
        codes = [chr(code) for code in range(block, block + 4096) if not 0xD800 <= code < 0xE000]
        texts = [f"a{code}b {code}e\u0301" for code in codes]
        tokens = (token for found in encode.encode_batch(texts) for token in found.ids)
        sums.append(zlib.crc32(b"".join(token.to_bytes(4, "little") for token in tokens)))
    print(json.dumps({"sweep": sums}))


def tables():
    """Which characters the reference drops first, drops after decomposition, and takes for punctuation."""
    flags = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    drops = lambda flag: lambda c: normalizers.BertNormalizer(**(flags | {flag: True})).normalize_str(f"a{c}b") == "ab"
    splits = lambda c: len(tokenizer_once.pre_tokenizer.pre_tokenize_str(f"a{c}b")) == 3
    tokenizer_once = tokenizer()
    kinds = {"CONTROL": drops("clean_text"), "MARKS": drops("strip_accents"), "PUNCTUATION": splits}
    for name, belongs in kinds.items():
        ranges = []
        for code in (code for code in range(0x110000) if not 0xD800 <= code < 0xE000 and belongs(chr(code))):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
        print(name, ", ".join(f"({first:#x}, {last:#x})" for first, last in ranges))


if "--tables" in sys.argv:
    tables()
else:
    prompts()
    sweep()
