vl2 completion bash > vl2.bash
bash -c 'source ./vl2.bash
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vl2; echo "${COMPREPLY[@]}"; }
complete_words vl2 to
complete_words vl2 run --rep
complete_words vl2 run --dtype b
complete_words vl2 tokenize --js'
