# Over a UNIX socket and over TLS, with keys; the log says nothing of what was asked; SIGTERM ends with 0.
started() { for _ in $(seq 600); do grep -q 'listens on' "$1" && return; sleep 0.05; done; cat "$1"; exit 1; }
ask='{"messages": [{"role": "user", "content": "a secret"}], "max_tokens": 3, "ignore_eos": true}'
json='Content-Type: application/json'

vl2 serve -m micro-mha --threads 1 --unix-socket vl2.sock --log-format json 2>socket.log &
socket=$!
started socket.log
curl -s --unix-socket vl2.sock http://localhost/v1/chat/completions -H "$json" -d "$ask" |
    jq -c '.usage.completion_tokens, .choices[0].finish_reason, .model'
kill $socket
wait $socket
echo "ended with $?"
[ -e vl2.sock ] && echo "the socket is still there"
grep -o '"path":"[^"]*","status":200' socket.log
grep -c secret socket.log

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -keyout key.pem -out cert.pem 2>/dev/null
echo '# keys
one-key' >keys.txt
vl2 serve -m micro-mha --threads 1 -p 0 --tls-cert cert.pem --tls-key key.pem --api-key-file keys.txt 2>tls.log &
tls=$!
started tls.log
url=$(grep -o 'https://[^ ]*' tls.log)
curl -sk "${url}v1/models" | jq -c .error.code
curl -sk "${url}v1/models" -H 'Authorization: Bearer one-key' | jq -c '.data[].id'
curl -skN "${url}v1/chat/completions" -H 'Authorization: Bearer one-key' -H "$json" -d "${ask%\}}, \"stream\": true}" | tail -2
kill -INT $tls
wait $tls
echo "ended with $?"
