vl2 serve --tls-cert a.pem; echo $?
vl2 serve --base-path /a/; echo $?
vl2 serve --host nowhere -m micro-mha; echo $?
vl2 serve --api-key 'a b'; echo $?
: >keys.txt; vl2 serve --api-key-file keys.txt; echo $?
vl2 serve -m micro-mha --add-model micro; echo $?
vl2 serve -m micro-mha --add-adapter micro-mha=x; echo $?
vl2 serve -m nothing; echo $?
vl2 serve -m micro-mha --unix-socket "$(printf %0200d 0)"; echo $?
vl2 serve -m micro-mha --tls-cert nothing.pem --tls-key nothing.pem; echo $?
vl2 serve -m micro-mha --add-adapter other:x=y; echo $?
vl2 serve -m micro-mha --add-adapter micro-mha:=y; echo $?
vl2 serve -m micro-mha --image-hosts http://example.com; echo $?
