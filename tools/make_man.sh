#!/bin/sh
# Prints the manual page, made of the program's own help: make_man.sh VL2 VERSION
set -eu
vl2=$1

# Help text as it is: leading dots and all backslashes made harmless to roff.
verbatim() { echo .nf; sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\\&&/" -e 's/-/\\-/g'; echo .fi; }

cat <<END
.TH VL2 1 "" "vl2 $2"
.SH NAME
vl2 \\- asks a vision\\-language model about pictures
.SH SYNOPSIS
.B vl2
.I command
[options]
.SH DESCRIPTION
END
"$vl2" help | verbatim
"$vl2" help | awk '/^Commands/ { on = 1; next } on && !NF { exit } on && $1 != "help" { print $1 }' | while read -r command; do
    echo ".SH VL2 $(echo "$command" | tr '[:lower:]' '[:upper:]')"
    "$vl2" help "$command" | verbatim
done
