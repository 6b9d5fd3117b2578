# needs micro-mha/model.safetensors
vl2 selftest -m micro-mha --compute f32 | sed 's/  *mean .*//'
vl2 selftest -m micro-mha --json | jq -c '[.published, .verdict, (.checks | map(.name + " " + .state)), (.stages | length)]'
vl2 selftest -m nowhere > out; echo "exit $?"; tail -1 out
