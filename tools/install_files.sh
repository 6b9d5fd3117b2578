#!/bin/sh
# Puts what was built into a system: install_files.sh BUILD DESTDIR PREFIX VERSION "PKG-CONFIG PACKAGES"
# or takes it out again:             install_files.sh --remove DESTDIR PREFIX
#
#   bin/vl2   include/vl2.h   lib/libvl2.a, libvl2.so.VERSION and its links   lib/pkgconfig/vl2.pc
#   share/man/man1/vl2.1   completion for bash
set -eu
cd "$(dirname "$0")/.."

if [ "$1" = --remove ]; then
    to=$2$3
    rm -f "$to"/bin/vl2 "$to"/include/vl2.h "$to"/lib/libvl2.* "$to"/lib/pkgconfig/vl2.pc "$to"/share/man/man1/vl2.1 \
        "$to"/share/bash-completion/completions/vl2
    exit
fi
build=$1 to=$2$3 prefix=$3 version=$4 packages=$5
so=libvl2.so.${version%%.*}

install -d "$to/bin" "$to/include" "$to/lib/pkgconfig" "$to/share/man/man1" \
    "$to/share/bash-completion/completions"
install -m 755 "$build/vl2" "$to/bin/vl2"
install -m 644 include/vl2.h "$to/include/vl2.h"
install -m 644 "$build/libvl2.a" "$to/lib/libvl2.a"
install -m 755 "$build/libvl2.so" "$to/lib/libvl2.so.$version"
ln -sf "libvl2.so.$version" "$to/lib/$so"
ln -sf "$so" "$to/lib/libvl2.so"
cat >"$to/lib/pkgconfig/vl2.pc" <<END
prefix=$prefix
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: vl2
Description: DeepSeek-VL2, vision-language models
Version: $version
Requires.private: $packages
Libs: -L\${libdir} -lvl2
Libs.private: -lgif -lm -pthread
Cflags: -I\${includedir}
END
tools/make_man.sh "$build/vl2" "$version" >"$to/share/man/man1/vl2.1"
"$build/vl2" completion bash >"$to/share/bash-completion/completions/vl2"
echo "installed vl2 $version in $to"
