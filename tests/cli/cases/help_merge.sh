vl2 merge -h
