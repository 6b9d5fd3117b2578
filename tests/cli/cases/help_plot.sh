vl2 plot -h
