vl2 train -h
