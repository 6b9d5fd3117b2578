# A picture of 800 x 800 pixels: cut as one of two, padded to one view as one of three.
{ printf 'P5 800 800 255\n'; head -c 640000 /dev/zero; } > square.pgm
vl2 tiles square.pgm -o cut.png
vl2 tiles cut.png --json
vl2 tiles --json square.pgm
vl2 tiles --json --pictures 2 square.pgm
vl2 tiles --json --pictures 3 square.pgm
vl2 tiles --json --no-crop square.pgm
vl2 tiles data/golden/images/cat.png
