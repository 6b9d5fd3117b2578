"""bench_torch.py - speed of PyTorch on the shapes of tiny, with plain modules: bench_torch.py THREADS

For tools/bench_peers.sh. Prints one line of JSON: seconds for a tile through the vision tower (27 blocks of SigLIP-SO400M, 729
patches) and tokens/s of a prompt of 421 through the language model (12 layers, 64 experts of which 6), in f32 and, where the
processor multiplies it, in bf16.
Weights are random; the layers of the language model share theirs, 0.4 GB a layer and so never in a cache. Medians of three
after one run that does not count. Rope, newline and separator, which cost nothing, are left out.
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


def attend(q, k, v, heads, causal):
    """softmax(q k^T / sqrt(d)) v for rows [n, width]."""
    q, k, v = (t.view(t.shape[0], heads, -1).transpose(0, 1) for t in (q, k, v))
    scores = q @ k.transpose(1, 2) * q.shape[-1] ** -0.5
    if causal:
        scores = scores + torch.full(scores.shape[1:], float("-inf"), dtype=scores.dtype).triu(1)
    return (scores.float().softmax(-1).to(v.dtype) @ v).transpose(0, 1).flatten(1)


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

    def forward(self, x):
        weight, chosen = self.router(x).softmax(-1).topk(self.top, -1)
        y = self.shared(x)
        for i, expert in enumerate(self.experts):
            row, place = torch.where(chosen == i)
            if len(row):
                y.index_add_(0, row, expert(x[row]) * weight[row, place, None])
        return y


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


torch.set_num_threads(int(sys.argv[1]))
types = {"f32": torch.float32}
with open("/proc/cpuinfo", encoding="ascii") as info:
    if "avx512_bf16" in info.read():
        types["bf16"] = torch.bfloat16
with torch.no_grad():
    tile = {name: tile_seconds(dtype) for name, dtype in types.items()}
    prompt = {name: prompt_speed(dtype) for name, dtype in types.items()}
print(json.dumps({"version": torch.__version__, "tile": tile, "prefill": prompt}))
