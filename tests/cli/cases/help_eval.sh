vl2 eval -h
