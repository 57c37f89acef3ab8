#!/usr/bin/env bash
set -euo pipefail

usage() {
  cat <<'EOF'
Starts one part of Velox; the entry point of the container image.

  ./start.sh                    train a model if there is none yet, then consume
  ./start.sh consumer           classify the images of the Kafka topic
  ./start.sh producer           stream images to the Kafka topic; SOURCE says from where
  ./start.sh train [option...]  train the model; --if-missing keeps a usable one
  ./start.sh lag                how far the consumers are behind, as a metric
  ./start.sh review             the page to label on; --export FOLDER writes what was said
  ./start.sh demo               the whole pipeline on this machine alone
  ./start.sh --help             this text; `./start.sh consumer --help` lists the settings

Settings are environment variables; `.env` is read too.
EOF
}

# A batch's tensors are larger than glibc keeps for reuse: by default it maps them from the kernel
# and zeroes them anew for every batch. velox/base/machine.py has the reasons of each.
use_memory_again() {
  export MALLOC_TOP_PAD_="${MALLOC_TOP_PAD_:-67108864}"
  export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-1073741824}"
  export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-4294967296}"
}

# The decoder's own bound, for a file whose header deceives the reader that looks at it first.
bound_decoder() {
  local pixels="${MAX_IMAGE_PIXELS:-50000000}"
  if [[ "$pixels" =~ ^[0-9]+$ ]]; then
    export OPENCV_IO_MAX_IMAGE_PIXELS="$pixels"
  fi
}

# A shell handles a signal only after its foreground command has ended; as process 1 of a container
# it must pass SIGTERM on at once.
train_if_missing() {
  local trainer status=0 stopped=""
  python train.py --if-missing &
  trainer=$!
  trap 'stopped=1; kill -TERM "$trainer" 2>/dev/null || true' TERM INT
  wait "$trainer" || status=$?
  if [[ -n "$stopped" ]]; then
    wait "$trainer" || true
    exit 143
  fi
  trap - TERM INT
  return "$status"
}

cd "$(dirname "${BASH_SOURCE[0]}")"
use_memory_again
bound_decoder
part="${1:-}"
shift || true
case "$part" in
  "") train_if_missing && exec python consumer.py ;;
  consumer | producer | train | lag | review | demo) exec python "$part.py" "$@" ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
