# The requests that docs/serving.md shows, as they stand there, but for the port.
cp images/cat.png .
vl2 serve -m micro-mha --threads 1 -p 0 2>log &
server=$!
for _ in $(seq 600); do grep -q 'listens on' log && break; sleep 0.05; done
port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' log)
awk '/^```/ { inside = /^```sh/; n += inside; next } inside { print > "block" n }' "$ROOT/docs/serving.md"
for block in block*; do
    grep -q curl "$block" || continue
    sed "s/8080/$port/" "$block" >command
    sh command | jq -c '[.object, (.usage.completion_tokens > 0), (.choices[0].message | has("boxes"))]'
done
kill $server
wait $server
