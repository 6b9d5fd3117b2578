# Sizes of the official example pictures; the token counts that the official processor gives: 1429 1023 1415 1807 2017 617.
for size in 724x1086 658x621 1086x724 1738x1146 868x1160 450x308; do
    w=${size%x*} h=${size#*x}
    { printf 'P5 %d %d 255\n' "$w" "$h"; head -c $((w * h)) /dev/zero; } > picture.pgm
    vl2 tiles --json picture.pgm | jq -c '[.size, .resolution, .tokens]'
done
