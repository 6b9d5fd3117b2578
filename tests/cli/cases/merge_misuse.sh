vl2 merge
echo "exit $?"
vl2 merge -m x
echo "exit $?"
vl2 merge -m x --lora y
echo "exit $?"
vl2 trace --gradients -o x
echo "exit $?"
vl2 trace --data x -o y
echo "exit $?"
