# needs micro-mla-noaux/config.json
vl2 tiles -m micro-mla-noaux data/golden/images/cat.png
