# needs micro-mha/config.json
t() { vl2 run -m micro-mha --conversation talk.json; echo "exit $?" >&2; }
vl2 run -m micro-mha --conversation nowhere.json
echo "exit $?" >&2
: > talk.json; t
echo '{' > talk.json; t
echo '{"role": "user"}' > talk.json; t
echo '[]' > talk.json; t
echo '[3]' > talk.json; t
echo '[{"role": "robot", "content": "a"}]' > talk.json; t
echo '[{"role": "user"}]' > talk.json; t
echo '[{"role": "user", "content": 5}]' > talk.json; t
echo '[{"role": "user", "content": "<image>"}]' > talk.json; t
echo '[{"role": "user", "content": "<image>", "images": ["a.png", "b.png"]}]' > talk.json; t
echo '[{"role": "user", "content": "<image>", "images": ["nowhere.png"]}]' > talk.json; t
echo '[{"role": "user", "content": "<image>", "images": "a.png"}]' > talk.json; t
echo '[{"role": "assistant", "content": "a"}]' > talk.json; t
echo '[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]' > talk.json; t
echo '[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]' > talk.json; t
printf '[{"role": "user", "content": "a\377"}]' > talk.json; t
head -c 100000 /dev/zero | tr '\0' '[' > talk.json; t
