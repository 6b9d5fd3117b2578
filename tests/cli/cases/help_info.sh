vl2 info -h
