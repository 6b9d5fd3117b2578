vl2 chat -h
