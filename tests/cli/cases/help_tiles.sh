vl2 tiles -h
