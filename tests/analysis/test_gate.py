"""The gate on bytes: which files can be left out without a look."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from torchfix_codemods.analysis.gate import Topic, topics


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("x = F.softmax(y, 1)", Topic.ACTIVATION),
        ("net = nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))", Topic.ACTIVATION),
        ("torch.sigmoid(x)", Topic.ACTIVATION),
        ("nn.Sigmoid()", Topic.ACTIVATION),
        ("F.nll_loss(a, b)", Topic.LIKELIHOOD),
        ("nn.NLLLoss()", Topic.LIKELIHOOD),
        ("nn.BCELoss()", Topic.LIKELIHOOD),
        ("F.binary_cross_entropy(a, b)", Topic.LIKELIHOOD),
        ("from torch.nn.functional import binary_cross_entropy as bce", Topic.LIKELIHOOD),
        ("F.log_softmax(a, 1)", Topic.LOG),
        ("nn.LogSoftmax(1)", Topic.LOG),
        ("torch.log(F.softmax(a, 1))", Topic.LOG),
        ("F.softmax(a, 1).log()", Topic.LOG),
        ("from torch import log as ln\nln(F.softmax(a, 1))", Topic.LOG),
        ("Variable(x, volatile=True)", Topic.VOLATILE),
        ("Variable(x, False, True)", Topic.VOLATILE),
        ("Variable(f(x, [1, 2]), requires_grad, flag)", Topic.VOLATILE),
        ("model.eval()", Topic.PHASES),
        ("model.train(False)", Topic.PHASES),
        ("loss.backward()", Topic.PHASES),
        ("for x in DataLoader(d): pass", Topic.PHASES),
        ("model.load_state_dict(w)", Topic.PHASES),
        ("model.training = False", Topic.PHASES),
        ("def evaluate(model): pass", Topic.PHASES),
        ("def predict(x): pass", Topic.PHASES),
        ("F.dropout(x)", Topic.DROPOUT),
        ("from torch.nn.functional import dropout", Topic.DROPOUT),
        ("from torch.nn.functional import dropout as drop", Topic.DROPOUT),
        ("F.dropout2d(x, 0.5)", Topic.DROPOUT),
        ("nn.Dropout(0.5)(x)", Topic.DROPOUT),
        ("nn.Dropout(p=f(1))(x)", Topic.DROPOUT),
        ("torch.nn.functional.dropout(x)", Topic.DROPOUT),
        ("torch.dropout(x, 0.5, True)", Topic.DROPOUT),
        ("F.dropout(x, training=True)", Topic.DROPOUT),
        ("F.scaled_dot_product_attention(q, k, v, dropout_p=0.1)", Topic.DROPOUT),
        ("F.interpolate(x)", Topic.INTERPOLATE),
        ("nn.Upsample(2)", Topic.INTERPOLATE),
        ("from torch.nn import Upsample", Topic.INTERPOLATE),
        ("UpsamplingNearest2d(2)(x)", Topic.INTERPOLATE),
        ("interpolate(x)", Topic.INTERPOLATE),
        ("interpolate (x)", Topic.INTERPOLATE),
        ("interpolate\\\n(x)", Topic.INTERPOLATE),
        ("from torch.nn.functional import relu, interpolate as resize", Topic.INTERPOLATE),
        ("resize = F.interpolate\nresize(x)", Topic.INTERPOLATE),
        ("x = F.\\\n    upsample", Topic.INTERPOLATE),
        ("myself.upsample_bilinear(x)", Topic.INTERPOLATE),
        ("itself.interpolate", Topic.INTERPOLATE),
        ("torch.special.expit(x)", Topic.ACTIVATION),
        ("F.mse_loss(a, b)", Topic.TARGET),
        ("nn.L1Loss()", Topic.TARGET),
        ("self.criterion(a, b)", Topic.TARGET),
        ("F.kl_div(a, b)", Topic.TARGET),
        ("nn.BCEWithLogitsLoss()", Topic.TARGET),
        ("F.binary_cross_entropy_with_logits(a, b)", Topic.TARGET),
        ("F.binary_cross_entropy(a, b)", Topic.TARGET),
        ("F.cosine_similarity(a, b)", Topic.TARGET),
        ("loss.backward(retain_graph=True)", Topic.RETAIN),
        ("loss.backward(retain_variables=True)", Topic.RETAIN),
        ("loss.backward(f(x, [1]), True)", Topic.RETAIN),
        ("loss.backward(\n    None,\n    True)", Topic.RETAIN),
        ("torch.autograd.backward([a, b], None, True)", Topic.RETAIN),
    ],
)
def test_a_word_opens_the_gate(text: str, topic: Topic):
    assert topics(text.encode()) & topic == topic
    assert topics(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import os\nprint(os.getcwd())\n",
        "Variable(x)",
        "Variable(x, True)",
        "Variable(f(a, b, c))",
        "self.dropout = nn.Dropout(0.5)",
        "x = self.dropout(x)",
        "F.dropout(x, training=self.training)",
        "F.dropout(x, 0.5, training=False)",
        "Net(dropout=0.5)",
        "x = self.interpolate_pos_encoding(x, interpolate_pos_encoding=True)",
        "self.upsample(x)",
        "x = self.upsample.weight",
        "def interpolate(self, x): pass",
        "# how to interpolate between them",
        "upsampled_logits(x)",
        "LearnedUpsampler(x)",
        "F.cross_entropy(a, b)",
        "nn.CrossEntropyLoss()",
    ],
)
def test_what_no_rule_looks_for_stays_outside(text: str):
    assert topics(text.encode()) == Topic.NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "y = nn.Embedding(4, 2)(ids / 2)",
        "emb = nn.Embedding(4, 2)\ny = emb(ids / 2)",
        "self.embedding(flat / self.size)",
        "beams = flat / size\nx.gather(1, beams)",
        "beams = torch.div(flat, size)\nx.scatter_(1, beams.view(-1, 1), 1.0)",
        "beams /= size\nF.one_hot(beams)",
    ],
)
def test_an_index_that_was_divided_opens_the_gate(text: str):
    assert Topic.INDEX in topics(text.encode())


@pytest.mark.parametrize(
    "text", ["beams = flat // size\nx.gather(1, beams)", "scale = 1 / 8\nself.embedding(ids) * scale"]
)
def test_other_quotients_do_not(text: str):
    assert Topic.INDEX not in topics(text.encode())


#: What opens the gate, as one pattern each: how the gate looks for these is faster, and must not differ.
PLAIN = {
    Topic.LOG: rb"og_softmax|ogSoftmax|\A(?=[\s\S]*oftmax)[\s\S]*(?:\.log\b|\blog\(|import[^\n]*\blog\b)",
    Topic.LIKELIHOOD: rb"nll_loss|NLLLoss|BCELoss|inary_cross_entropy(?!_with)",
    Topic.TARGET: rb"mse_loss|MSELoss|l1_loss|L1Loss|huber_loss|HuberLoss|kl_div|KLDivLoss|binary_cross_entropy|BCELoss"
    rb"|BCEWithLogitsLoss|cosine_similarity|CosineSimilarity|cosine_embedding_loss|CosineEmbeddingLoss|riterion\("
    rb"|\.backward\(",
    Topic.PHASES: rb"\.eval\(|\.train\(|\.backward\(|oader|load_state_dict\(|\.train =|\.training ="
    rb"|def (?:eval|val|test\(|infer|predict|score|generate|sample\(|translate"
    rb"|test_\w+\((?:self, *)?(?:net|network|model)\b)",
    Topic.RETAIN: rb"\A(?=[\s\S]*backward)[\s\S]*(?:retain_graph|retain_variables"
    rb"|backward\s*\([^()]*(?:\([^()]*\)[^()]*)*,\s*True)",
    Topic.INDEX: rb"index_select|\A(?=[\s\S]*(?:one_hot\(|gather\(|scatter_?\(|scatter_add_?\(|mbedding\b"
    rb"|ross_entropy\(|nll_loss\(|EntropyLoss\(|NLLLoss\())[\s\S]*(?:int(?:32|16|8)\b|\.(?:int|short|char|byte)\("
    rb"|(?:Int|Short|Char|Byte|Bool)Tensor\b|torch\.(?:int|short|bool)\b|ensor\(\[)",
    Topic.OLD_NAME: rb"async[ \t]*=(?!=)",
}
WORDS = (
    *("log_softmax", "LogSoftmax", "torch.log", "from torch import log", "nll_loss", "NLLLoss", "BCELoss", "mse_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with", "MSELoss", "l1_loss", "L1Loss", "huber_loss", "HuberLoss"),
    *("BCEWithLogitsLoss", "cosine_similarity", "CosineSimilarity", "cosine_embedding_loss", "CosineEmbeddingLoss"),
    *("kl_div", "KLDivLoss", "criterion", "x.backward", "x.eval", "x.train", "x.training", "DataLoader"),
    *("load_state_dict", "def evaluate", "def test", "def test_x(model", "def test_x(self, net", "def sample", "def x"),
    *("retain_graph", "retain_variables", "backward(None, True", "backward(f(x), None, True", "index_select"),
    *("one_hot", "gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "Embedding", "cross_entropy"),
    *("CrossEntropyLoss", "torch.int32", "uint8", "int16", "x.int", "x.short", "x.char", "x.byte", "torch.int"),
    *("torch.short", "torch.bool", "IntTensor", "ShortTensor", "CharTensor", "ByteTensor", "BoolTensor", "tensor([0])"),
    *("async", "x, log"),
)
BEFORE = ("", " ", ".", "x", "_", "\n", "x.")
AFTER = ("", " ", "(", ")", " =", "=", "==", "x", "_", "_(", "2", ".", "\n", ", True", "[")
#: Without these a word may mean nothing.
BESIDE = ("", "softmax backward int8 ", "softmax embedding ")


@pytest.mark.parametrize("word", WORDS)
def test_a_fast_search_finds_what_a_plain_one_does(word: str):
    for beside, before, cut, after in product(BESIDE, BEFORE, range(4), AFTER):
        raw = f"{beside}{before}{word[cut:]}{after}".encode()
        found = topics(raw)
        for topic, pattern in PLAIN.items():
            assert (topic in found) is (re.search(pattern, raw) is not None), (topic, raw)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"Variable(", b"F.dropout(", b"softmax", b"nn.Dropout(("]))
def test_any_bytes_can_be_judged_and_more_bytes_never_hide_a_plain_word(noise: bytes, word: bytes):
    assert isinstance(topics(noise), Topic)
    assert isinstance(topics(word + noise), Topic)
    assert topics(noise + b" volatile " + noise) & Topic.VOLATILE
