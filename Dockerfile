# One image for the three scripts; the argument of start.sh says which of them runs.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp velox \
 && install --directory --owner=velox --group=velox /models /discoveries

WORKDIR /app

# PIP_INDEX_URL: a package index other than pip's own default.
# TORCH_INDEX_URL: where torch and torchvision come from, always both; an index of CPU builds makes
# an image several times smaller than the default, which carries the CUDA libraries.
# Without TORCH_INDEX_URL the exact packages of requirements.lock are installed and their hashes
# checked. The lock is for x86-64; elsewhere, and with other builds of torch, the ranges count.
ARG PIP_INDEX_URL
ARG TORCH_INDEX_URL
COPY requirements.txt requirements.lock ./
RUN if [ -n "${TORCH_INDEX_URL:-}" ]; then \
      grep '^torch' requirements.txt >/tmp/torch.txt \
      && pip install --index-url "$TORCH_INDEX_URL" --requirement /tmp/torch.txt \
      && rm /tmp/torch.txt \
      && pip install --requirement requirements.txt; \
    elif [ "$(uname -m)" = x86_64 ]; then \
      pip install --require-hashes --requirement requirements.lock; \
    else \
      pip install --requirement requirements.txt; \
    fi

COPY velox velox
COPY start.sh producer.py train.py consumer.py lag.py demo.py ./
RUN python -m compileall -q .

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Velox" \
      org.opencontainers.image.description="Classifies images as they stream through Apache Kafka" \
      org.opencontainers.image.source="https://github.com/atharva-m/Velox" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="python:3.11-slim-bookworm" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

ENV MODEL_PATH=/models/model.pth \
    CLASSES_PATH=/models/classes.json \
    STORAGE_PATH=/discoveries \
    METRICS_ADDRESS=0.0.0.0 \
    METRICS_PORT=8000

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=300s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['METRICS_PORT'] + '/healthz', timeout=8)"]
ENTRYPOINT ["/app/start.sh"]
