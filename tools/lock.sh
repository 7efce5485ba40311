#!/usr/bin/env bash
# Renews requirements/*.txt from requirements/*.in; uv must be on PATH.
#   tools/lock.sh              keep what is pinned, add and drop what the .in files ask for
#   tools/lock.sh --upgrade    take the newest versions (more options of uv pip compile may follow)
# dev.txt is resolved first and constrains run.txt, so that one environment holds both.
# Fails when Python 3.11 and 3.12 would need different packages.
set -euo pipefail
cd "$(dirname "$0")/../requirements"

compile() { # python-version output inputs-and-options...
  local version=$1 output=$2
  shift 2
  uv pip compile --quiet --python-version "$version" --python-platform x86_64-manylinux_2_28 \
    --no-header --no-annotate --generate-hashes --no-emit-index-url --output-file "$output" "$@"
}

compile 3.11 dev.txt dev.in "$@"
compile 3.11 run.txt run.in build.in --constraint dev.txt
compile 3.11 node.txt node.in "$@"

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
cp dev.txt run.txt node.txt "$probe"
compile 3.12 "$probe/dev.txt" dev.in
compile 3.12 "$probe/run.txt" run.in build.in --constraint dev.txt
compile 3.12 "$probe/node.txt" node.in
for lock in dev run node; do
  diff "$lock.txt" "$probe/$lock.txt" || { echo "$lock.txt: Python 3.11 and 3.12 need different packages." >&2; exit 1; }
done
