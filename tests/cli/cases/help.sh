vl2 help
