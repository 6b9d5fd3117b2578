vl2
