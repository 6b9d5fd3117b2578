vl2 help serve
