vl2 convert -h
