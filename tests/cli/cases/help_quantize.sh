vl2 quantize -h
