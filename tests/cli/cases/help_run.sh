vl2 run -h
