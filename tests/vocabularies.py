"""Small real tokenizers of every kind, trained here on a text of ours; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

from sagellm_benchmark.trace.vocabulary import plain

SIZE = 2000
KNOWN = 300
"""So many of our words are frequent in the text, and so become tokens."""


def _text():
    """Lines of words; every word stands at a line's start and behind a space."""
    words, draw = plain().words[::13][:KNOWN], Random(7)
    lines = [" ".join(draw.choice(words) for _ in range(12)) for _ in range(400)]
    return [*lines, *words * 8, "Numbers 1 2 3, brackets (so) and ümlauts: naïve café ☃ 日本語."]


def byte_level():
    """As GPT, Llama 3 and Qwen have it: bytes, a space belongs to the word behind it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        initial_alphabet=alphabet,
        special_tokens=["<s>", "<unk>"],
        show_progress=False,
    )
    made.train_from_iterator(_text(), trainer)
    # What must not count: a beginning-of-sequence token, a truncation, a padding.
    made.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made.enable_truncation(8)
    made.enable_padding(length=16)
    return made


def whole_text():
    """As Llama 2 has it: no splitting at spaces, the text is one long word with marks in it."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=["<unk>", *(f"<0x{n:02X}>" for n in range(256))],
        show_progress=False,
    )
    made.train_from_iterator(_text(), trainer)
    made.pre_tokenizer = None
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    return made


def across_words():
    """One whose tokens reach over spaces, as nothing kept the words apart in training."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=2 * SIZE, show_progress=False)
    made.train_from_iterator(_text(), trainer)
    return made


def unigram():
    """As T5 and XLM-R have it: the likeliest pieces."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
    )
    made.train_from_iterator(_text(), trainer)
    return made


def word_pieces():
    """As BERT has it: what it does not know is one unknown token."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=SIZE, special_tokens=["[UNK]"], show_progress=False
    )
    made.train_from_iterator(_text(), trainer)
    return made


KINDS = {
    kind.__name__: kind for kind in (byte_level, whole_text, unigram, word_pieces, across_words)
}


def saved(kind, folder):
    """The `tokenizer.json` of one kind, as a model's directory holds it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    KINDS[kind]().save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"
