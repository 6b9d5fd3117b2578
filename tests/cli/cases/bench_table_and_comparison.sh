# needs micro-mha/model.safetensors
# Figures are masked; what changed against the earlier file is so far off that every machine finds the same.
cat > old.json <<'J'
{"vl2": "0.0.9", "date": "2020-01-01T00:00:00Z", "machine": {"cpu": "a slide rule", "level": "brass"},
 "model": {"name": "micro-mha", "types": "BF16 100 %", "compute": "f32"},
 "results": [{"name": "prefill", "at": 8, "median": 0.001, "low": 0.001, "high": 0.002, "samples": 3},
             {"name": "decode", "at": 0, "median": 1e9, "low": 1e9, "high": 2e9, "samples": 3, "share": 0.5},
             {"name": "decode", "at": 16, "median": 1, "low": 0, "high": 1e9, "samples": 3, "share": 0.5},
             {"name": "load", "at": 0, "median": 1e-6, "low": 1e-6, "high": 2e-6, "samples": 3},
             {"name": "memory peak", "at": 0, "median": 1, "low": 1, "high": 1, "samples": 1},
             {"name": "prefill", "at": 99, "median": 1, "low": 1, "high": 1, "samples": 1}]}
J
TERM=xterm script -qec 'exec vl2 bench micro-mha --only prefill --prefill 8 --repeat 1' /dev/null > screen
grep -o "the machine's limits" screen | head -1 # progress
vl2 bench -m micro-mha --compute f32 --ctx 500 --prefill 8 --depth 0,16 --batch 1,2 --tokens 8 --repeat 2 --compare old.json > out
sed -e '1s/.*/(the machine)/' -e '/^bf16 peak/d' -e '/^not the same \(processor\|level\)/s/, now .*/, now another/' \
    -e '/^limits of/s/  *1 thread.*/ (threads)/' -e '/^[a-z0-9]* peak,\|^read/s/  .*/  (rates)/' \
    -e 's/[0-9][0-9.]*/N/g' -e 's/(N - N)/(N)/; s/N - N/N/; s/  */ /g; s/ $//' out
