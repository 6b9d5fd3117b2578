#!/bin/sh
# The kernel tests for aarch64, in an emulator; skipped where the packages of `make deps-aarch64` are not. Output is TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
missing=$(tools/install.sh --missing aarch64)
if [ -n "$missing" ]; then
    echo "1..1"
    echo "ok 1 - kernels on aarch64 # SKIP make deps-aarch64 would install $missing"
    exit 0
fi
build=build/aarch64-kernels
make -s ARCH=aarch64 BUILD=$build ROOMS='base kernels' $build/tests/kernels/test_kernels || exit 1
VL2_TEST_SHARE=${VL2_TEST_SHARE:-20} exec qemu-aarch64 $build/tests/kernels/test_kernels
