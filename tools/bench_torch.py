"""bench_torch.py - speed of PyTorch on the shapes of tiny, with plain modules: bench_torch.py THREADS answering|training

For tools/bench_peers.sh. Prints one line of JSON, in f32 and, where the processor multiplies it, in bf16.
answering: seconds for a tile through the vision tower (27 blocks of SigLIP-SO400M, 729 patches) and tokens/s of a prompt of 421
through the language model (12 layers, 64 experts of which 6).
training: tokens/s of a step (forward, backward, clipping, AdamW) of 2 x 512 random tokens through the language model of
`make_model --shape tiny-0.1b`, all parameters and adapters of rank 8 ("lora"), and of forward and backward alone; bf16 by autocast.
Weights are random; the layers of the language model that answers share theirs, 0.4 GB a layer and so never in a cache. Medians of
three after one run that does not count. Rope, newline and separator, which cost nothing, are left out, and the balance loss.
"""
import json
import os
import statistics
import sys
import time

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin would take the processors from BLAS's own
import torch
from torch import nn
from torch.nn import functional as F

REPEATS = 3
VISION = {"blocks": 27, "width": 1152, "heads": 16, "hidden": 4304, "patches": 729}
TEXT = {"layers": 12, "width": 1280, "heads": 10, "dense": 6848, "experts": 64, "top": 6, "hidden": 896, "shared": 1792}
VOCABULARY = 129280
PROMPT = 421
SMALL = {"layers": 6, "width": 640, "heads": 5, "dense": 1792, "experts": 16, "top": 4, "hidden": 320, "shared": 640}
SMALL_VOCABULARY = 24576
BATCH, LENGTH, RANK = 2, 512, 8


def attend(q, k, v, heads, causal):
    """softmax(q k^T / sqrt(d)) v for rows [..., n, width]."""
    q, k, v = (t.unflatten(-1, (heads, t.shape[-1] // heads)).transpose(-3, -2) for t in (q, k, v))
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf"), dtype=scores.dtype).triu(1)
    return (scores.float().softmax(-1).to(v.dtype) @ v).transpose(-3, -2).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c["heads"]
        self.norm1, self.norm2 = nn.LayerNorm(c["width"]), nn.LayerNorm(c["width"])
        self.qkv, self.proj = nn.Linear(c["width"], 3 * c["width"]), nn.Linear(c["width"], c["width"])
        self.fc1, self.fc2 = nn.Linear(c["width"], c["hidden"]), nn.Linear(c["hidden"], c["width"])

    def forward(self, x):
        x = x + self.proj(attend(*self.qkv(self.norm1(x)).chunk(3, -1), self.heads, False))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Moe(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.top = c["top"]
        self.router = nn.Linear(c["width"], c["experts"], bias=False)
        self.experts = nn.ModuleList(Mlp(c["width"], c["hidden"]) for _ in range(c["experts"]))
        self.shared = Mlp(c["width"], c["shared"])

    def forward(self, rows):
        x = rows.reshape(-1, rows.shape[-1])
        weight, chosen = self.router(x).softmax(-1).topk(self.top, -1)
        y = self.shared(x)
        for i, expert in enumerate(self.experts):
            row, place = torch.where(chosen == i)
            if len(row):
                y.index_add_(0, row, (expert(x[row]) * weight[row, place, None]).to(y.dtype))
        return y.view_as(rows)


class Layer(nn.Module):
    def __init__(self, c, mlp):
        super().__init__()
        self.heads, self.mlp = c["heads"], mlp
        self.norm1, self.norm2 = nn.LayerNorm(c["width"]), nn.LayerNorm(c["width"])
        self.qkv = nn.Linear(c["width"], 3 * c["width"], bias=False)
        self.out = nn.Linear(c["width"], c["width"], bias=False)

    def forward(self, x):
        x = x + self.out(attend(*self.qkv(self.norm1(x)).chunk(3, -1), self.heads, True))
        return x + self.mlp(self.norm2(x))


def median_seconds(run):
    times = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def tile_seconds(dtype):
    tower = nn.Sequential(*(Block(VISION) for _ in range(VISION["blocks"]))).to(dtype)
    x = torch.randn(VISION["patches"], VISION["width"]).to(dtype)
    return median_seconds(lambda: tower(x))


def prompt_speed(dtype):
    first = Layer(TEXT, Mlp(TEXT["width"], TEXT["dense"])).to(dtype)
    later = Layer(TEXT, Moe(TEXT)).to(dtype)
    head = nn.Linear(TEXT["width"], VOCABULARY, bias=False).to(dtype)
    x = torch.randn(PROMPT, TEXT["width"]).to(dtype)

    def run():
        h = first(x)
        for _ in range(TEXT["layers"] - 1):
            h = later(h)
        head(h[-1:])

    return PROMPT / median_seconds(run)


class Language(nn.Module):
    def __init__(self, c, vocabulary):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, c["width"])
        mlps = [Mlp(c["width"], c["dense"])] + [Moe(c) for _ in range(c["layers"] - 1)]
        self.layers = nn.Sequential(*(Layer(c, mlp) for mlp in mlps))
        self.norm, self.head = nn.LayerNorm(c["width"]), nn.Linear(c["width"], vocabulary, bias=False)

    def forward(self, ids):
        return self.head(self.norm(self.layers(self.embed(ids))))


class Adapted(nn.Module):
    """A frozen matrix and its adapter."""

    def __init__(self, base):
        super().__init__()
        self.base = base
        self.a, self.b = nn.Linear(base.in_features, RANK, bias=False), nn.Linear(RANK, base.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + 2 * self.b(self.a(x))


def put_adapters(model):
    """On attention, the dense MLP and routed experts, as the preset "tiny" has them."""
    for p in model.parameters():
        p.requires_grad = False
    for name, module in list(model.named_modules()):
        for child, linear in list(module.named_children()):
            if isinstance(linear, nn.Linear) and child in ("qkv", "out", "gate", "up", "down") and "shared" not in name:
                setattr(module, child, Adapted(linear))


def training_speed(dtype, adapters):
    """Tokens/s of whole steps, and of forward and backward alone."""
    model = Language(SMALL, SMALL_VOCABULARY)
    if adapters:
        put_adapters(model)
    learnt = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4, foreach=True)
    ids = torch.randint(SMALL_VOCABULARY, (BATCH, LENGTH + 1))
    passes = []

    def step():
        optimizer.zero_grad(set_to_none=True)
        begin = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            logits = model(ids[:, :-1])
        F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten()).backward()
        passes.append(time.perf_counter() - begin)
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()

    seconds = median_seconds(step)
    return {"step": BATCH * LENGTH / seconds, "pass": BATCH * LENGTH / statistics.median(passes[1:])}


def answering(types):
    with torch.no_grad():
        return {
            "tile": {name: tile_seconds(dtype) for name, dtype in types.items()},
            "prefill": {name: prompt_speed(dtype) for name, dtype in types.items()},
        }


def training(types):
    return {
        mode: {name: training_speed(dtype, mode == "lora") for name, dtype in types.items()} for mode in ("full", "lora")
    }


torch.set_num_threads(int(sys.argv[1]))
types = {"f32": torch.float32}
with open("/proc/cpuinfo", encoding="ascii") as info:
    if "avx512_bf16" in info.read():
        types["bf16"] = torch.bfloat16
figures = {"answering": answering, "training": training}[sys.argv[2]](types)
print(json.dumps({"version": torch.__version__, **figures}))
