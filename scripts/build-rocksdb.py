#!/usr/bin/env python3
"""Builds librocksdb.a from the sources that cargo has fetched for librocksdb-sys, as a few large translation units.

Usage: build-rocksdb.py CARGO_LOCK OUTDIR [FLAG...]

File by file the build takes over 30 CPU minutes, nearly all of it in headers; 36 files a unit take 7.
Run `cargo fetch` first. Then build with ROCKSDB_LIB_DIR=OUTDIR ROCKSDB_STATIC=1.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

FILES_PER_UNIT = 36
DEFINES = """LZ4=1 ZSTD=1 NDEBUG=1 HAVE_ALIGNED_NEW HAVE_UINT128_EXTENSION OS_LINUX ROCKSDB_PLATFORM_POSIX
ROCKSDB_LIB_IO_POSIX ROCKSDB_SCHED_GETCPU_PRESENT ROCKSDB_AUXV_GETAUXVAL_PRESENT ROCKSDB_FALLOCATE_PRESENT
ROCKSDB_RANGESYNC_PRESENT""".split()


def crate_source(lock, name):
    """The source folder of the crate `name` in the version that the lock file names."""
    version = re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock).group(1)
    home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    return glob.glob(f"{home}/registry/src/*/{name}-{version}")[0]


def main():
    with open(sys.argv[1]) as file:
        lock = file.read()
    out, flags = os.path.abspath(sys.argv[2]), sys.argv[3:]
    source = crate_source(lock, "librocksdb-sys")
    includes = ["rocksdb/include", "rocksdb", "."]
    includes += [crate_source(lock, "lz4-sys") + "/liblz4/lib", crate_source(lock, "zstd-sys") + "/zstd/lib"]
    compiler = ["c++", "-std=c++20", "-fPIC", "-ffunction-sections", "-fdata-sections", "-w", "-include", "cstdint"]
    compiler += [f"-I{folder}" for folder in includes] + [f"-D{define}" for define in DEFINES] + flags
    os.makedirs(out, exist_ok=True)

    with open(source + "/rocksdb_lib_sources.txt") as file:
        names = [name for name in file.read().split() if name != "util/build_version.cc"]
    files = sorted((f"rocksdb/{name}" for name in names), key=lambda f: (os.path.dirname(f), f)) + ["build_version.cc"]

    def compile_unit(start):
        stem = f"{out}/unit{start // FILES_PER_UNIT}"
        with open(stem + ".cc", "w") as unit:
            unit.writelines(f'#include "{source}/{name}"\n' for name in files[start:start + FILES_PER_UNIT])
        subprocess.run(compiler + ["-c", stem + ".cc", "-o", stem + ".o"], cwd=source, check=True)
        print(f"{os.path.basename(stem)} of {len(files) // FILES_PER_UNIT}", flush=True)
        return stem + ".o"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_unit, range(0, len(files), FILES_PER_UNIT)))
    subprocess.run(["ar", "crs", f"{out}/librocksdb.a"] + objects, check=True)
    for path in glob.glob(f"{out}/unit*"):
        os.remove(path)


main()
