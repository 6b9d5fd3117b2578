vl2 trace -h
