vl2 help bench
