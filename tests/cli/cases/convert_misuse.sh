vl2 convert
echo "exit $?"
vl2 convert micro-mha
echo "exit $?"
vl2 quantize micro-mha -o m.gguf -q
vl2 convert m.gguf -o out
echo "exit $?"
vl2 convert micro-mha -o micro-mla
echo "exit $?"
touch model_state.pdparams
vl2 run -m model_state.pdparams "Who are you?"
echo "exit $?"
