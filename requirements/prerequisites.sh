#!/bin/sh
# Names, in one line, what this machine lacks to build `mm`; exit 1 if anything is missing.
# Usage: prerequisites.sh PYTHON      (empty: none was found)
python=$1

missing() {
    echo "mm: missing prerequisite: $1" >&2
    exit 1
}

if [ -z "$python" ] || ! command -v "$python" >/dev/null 2>&1; then
    missing "Python 3.11 or newer (no ${python:-python3} on PATH; or name one: make PYTHON=/path/to/python3.12)"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    missing "Python 3.11 or newer ($python is $("$python" -V 2>&1); or name one: make PYTHON=/path/to/python3.12)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    missing "the venv module of $python (on Debian and Ubuntu: apt-get install python3-venv)"

command -v cargo >/dev/null 2>&1 ||
    missing "Rust 1.85 or newer (no cargo on PATH; it comes with rustup)"
rustc=$(rustc --version 2>&1) || missing "a working rustc ($(echo "$rustc" | head -n 1))"
version=${rustc#rustc 1.}
[ "${version%%.*}" -ge 85 ] 2>/dev/null ||
    missing "Rust 1.85 or newer (rustc is ${rustc#rustc })"
command -v "${CC:-cc}" >/dev/null 2>&1 ||
    missing "a C compiler (no ${CC:-cc} on PATH; on Debian and Ubuntu: apt-get install gcc)"
