vl2 selftest -h
