#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'USAGE'
Installs what Velox runs on into the Python of the image: the packages of requirements.lock.

  ./install.sh          from the folder of requirements.lock
  ./install.sh --help   this text

PyTorch is the locked one, with its CUDA libraries, unless the environment says otherwise; the index
of either holds builds of torch and torchvision, and both come from there.

TORCH_BACKEND     cpu, or one of CUDA such as cu126: uv knows the index. Where that of cpu cannot be
                  reached it is the locked one, which runs on CPUs as well and is 5 GB larger
TORCH_INDEX_URL   an index of your own; it wins over TORCH_BACKEND
PIP_INDEX_URL     where everything else comes from, other than pip's default
USAGE
}

UV_VERSION=0.13.9

# Prints requirements.lock without PyTorch and the CUDA libraries that only its default build needs.
without_torch() {
  awk '/^[a-z]/ { kept = !/^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/ } kept' \
    requirements.lock
}

# Installs what a file names from the index of the environment's choice.
from_index() {
  if [[ -n "${TORCH_INDEX_URL:-}" ]]; then
    pip install --index-url "$TORCH_INDEX_URL" --requirement "$1"
  else
    uv pip install --system --no-cache --torch-backend "$TORCH_BACKEND" \
      ${PIP_INDEX_URL:+--default-index "$PIP_INDEX_URL"} --requirement "$1"
  fi
}

# Each index marks its builds in its own way (2.15.0+cpu) and has hashes of its own, so that those of
# the lock cannot be checked; and one for older cards may end before the locked version.
install_torch() {
  grep -oE '^torch(vision)?==[^ ]+' requirements.lock >"$work/locked.txt"
  grep -E '^torch' requirements.txt >"$work/ranges.txt"
  from_index "$work/locked.txt" || from_index "$work/ranges.txt" || {
    echo "could not get PyTorch from the index of ${TORCH_INDEX_URL:-$TORCH_BACKEND}" >&2
    if [[ -n "${TORCH_INDEX_URL:-}" || "$TORCH_BACKEND" != cpu ]]; then return 1; fi
    echo "using the PyTorch of requirements.lock: it includes CUDA, and also runs on CPUs" >&2
    pip install --require-hashes --requirement requirements.lock
  }
}

case "${1:-}" in
  "") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

if [[ -z "${TORCH_BACKEND:-}${TORCH_INDEX_URL:-}" ]]; then
  exec pip install --require-hashes --requirement requirements.lock
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
without_torch >"$work/others.lock"
pip install --require-hashes --requirement "$work/others.lock"
if [[ -n "${TORCH_INDEX_URL:-}" ]]; then
  install_torch
else
  pip install "uv==$UV_VERSION"
  install_torch
  pip uninstall --yes uv
fi
