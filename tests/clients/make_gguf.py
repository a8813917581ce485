"""Writes a tiny random-weights language model, so that a real llama.cpp server can be tested offline.

The text it speaks is nonsense; only the shapes of its answers mean anything. The weights come from a fixed seed, so
every run writes the same file.

    python make_gguf.py model.gguf
"""

import sys

import gguf
import numpy as np

SEED = 20_261_122
WIDTH, LAYERS, HEADS, FEED_FORWARD = 64, 2, 4, 128
CONTEXT = 8192
WORDS = (
    "the of and to in is it that for was on are as with his they at be this from have or by one had not but what all "
    "were when we there can an your which their said if do will each about how up out them then she many some so these "
    "would other into has more her two like him see time could no make than first been its who now people my made over"
).split()


def vocabulary():
    """Special tokens, all 256 bytes, printable ASCII and a few words: enough to read and to write any text."""
    control, byte, normal = gguf.TokenType.CONTROL, gguf.TokenType.BYTE, gguf.TokenType.NORMAL
    tokens = [("<unk>", 0.0, gguf.TokenType.UNKNOWN), ("<s>", 0.0, control), ("</s>", 0.0, control)]
    tokens += [(f"<0x{value:02X}>", 0.0, byte) for value in range(256)]
    tokens += [("<|im_start|>", 0.0, control), ("<|im_end|>", 0.0, control)]
    # SentencePiece writes a space as U+2581. Merging picks the piece with the highest score, so words come first.
    characters = ["\u2581"] + [chr(value) for value in range(0x21, 0x7F)]
    tokens += [(character, -1000.0 - rank, normal) for rank, character in enumerate(characters)]
    pieces = []
    for word in WORDS:
        # A merge joins two neighbouring pieces, hence every prefix of a word must be a piece too.
        pieces += [piece for end in range(1, len(word) + 1) if (piece := "\u2581" + word[:end]) not in pieces]
    pieces = [piece for piece in pieces if len(piece) > 1]
    tokens += [(piece, -float(rank), normal) for rank, piece in enumerate(pieces, start=1)]
    return tokens


def write(path):
    """Writes the model to `path`."""
    rng = np.random.default_rng(SEED)
    tokens = vocabulary()
    speakable = np.array([kind == gguf.TokenType.NORMAL for _, _, kind in tokens])

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _, _ in tokens])
    writer.add_token_scores([score for _, score, _ in tokens])
    writer.add_token_types([kind for _, _, kind in tokens])
    names = [text for text, _, _ in tokens]
    writer.add_bos_token_id(names.index("<s>"))
    writer.add_eos_token_id(names.index("</s>"))
    writer.add_eot_token_id(names.index("<|im_end|>"))
    writer.add_unk_token_id(names.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    # A space before `assistant` would break the grammar that llama.cpp makes of a JSON schema: it starts with the
    # generation prompt.
    writer.add_add_space_prefix(False)

    def tensor(name, *shape, scale):
        writer.add_tensor(name, rng.normal(0.0, scale, shape).astype(np.float32))

    def norm(name):
        writer.add_tensor(name, np.ones(WIDTH, dtype=np.float32))

    tensor("token_embd.weight", len(tokens), WIDTH, scale=1.0)
    for layer in range(LAYERS):
        norm(f"blk.{layer}.attn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{layer}.{name}.weight", WIDTH, WIDTH, scale=WIDTH**-0.5)
        norm(f"blk.{layer}.ffn_norm.weight")
        for name in ("ffn_gate", "ffn_up"):
            tensor(f"blk.{layer}.{name}.weight", FEED_FORWARD, WIDTH, scale=WIDTH**-0.5)
        tensor(f"blk.{layer}.ffn_down.weight", WIDTH, FEED_FORWARD, scale=FEED_FORWARD**-0.5)
    norm("output_norm.weight")
    # Bytes and control tokens stay near a logit of zero, below the best of the others: the model rarely stops early,
    # and rarely breaks a character, which a server would hold back.
    output = rng.normal(0.0, 0.5, (len(tokens), WIDTH))
    output[~speakable] *= 0.02
    writer.add_tensor("output.weight", output.astype(np.float32))

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_gguf.py FILE")
    write(sys.argv[1])
