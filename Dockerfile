# One image for the three scripts; the argument of start.sh says which of them runs.
FROM python:3.13-slim-trixie

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp velox \
 && install --directory --owner=velox --group=velox /models /discoveries /state

WORKDIR /app

# Which PyTorch, and where packages come from: `./install.sh --help`. Without an argument it is the one
# of requirements.lock, on each kind of processor, every package checked against its hash.
ARG PIP_INDEX_URL
ARG TORCH_BACKEND
ARG TORCH_INDEX_URL
COPY install.sh requirements.txt requirements.lock ./
RUN ./install.sh

COPY velox velox
COPY start.sh producer.py train.py consumer.py lag.py review.py demo.py ./
RUN python -m compileall -q .

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Velox" \
      org.opencontainers.image.description="Classifies images as they stream through Apache Kafka" \
      org.opencontainers.image.source="https://github.com/atharva-m/Velox" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="python:3.13-slim-trixie" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

ENV MODEL_PATH=/models/model.pth \
    CLASSES_PATH=/models/classes.json \
    STORAGE_PATH=/discoveries \
    METRICS_ADDRESS=0.0.0.0 \
    METRICS_PORT=8000

USER 10001:10001
EXPOSE 8000 8010
HEALTHCHECK --interval=10s --timeout=10s --start-period=300s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['METRICS_PORT'] + '/healthz', timeout=8)"]
ENTRYPOINT ["/app/start.sh"]
