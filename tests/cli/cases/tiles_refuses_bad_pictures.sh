t() { vl2 tiles "$1"; echo "exit $?" >&2; }
t nowhere.png
: > empty.png
t empty.png
head -c 20000 data/golden/images/cat.png > truncated.png
t truncated.png
echo 'not a picture' > text.jpg
t text.jpg
printf 'P6 0 5 255\n' > zero.ppm
t zero.ppm
printf 'P6 60000 60000 255\n' > huge.ppm
t huge.ppm
printf 'P6 10 10 255\nabc' > short.ppm
t short.ppm
t .
{ printf 'P5 1001 1000 255\n'; head -c 1001000 /dev/zero; } > over.pgm
vl2 tiles --max-megapixels 1 over.pgm
echo "exit $?" >&2
vl2 tiles -o nowhere/cut.png over.pgm
