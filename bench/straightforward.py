"""What most people would write: poll one record, decode with Pillow, classify eight, insert.

It is the yardstick of the pipeline's case, and reads its settings as consumer.py does.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import torch
from confluent_kafka import Consumer
from PIL import Image
from pymongo import MongoClient
from torchvision import transforms

from velox.models.checkpoint import load, restore

BATCH = 8


def main() -> int:
    """Classify until BENCH_IMAGES documents are inserted."""
    checkpoint = load(Path(os.environ["MODEL_PATH"]), Path(os.environ["CLASSES_PATH"]))
    model = restore(checkpoint)
    preprocess = transforms.Compose(
        [
            transforms.Resize((checkpoint.input_size, checkpoint.input_size)),
            transforms.ToTensor(),
            transforms.Normalize(checkpoint.mean, checkpoint.std),
        ]
    )
    client: MongoClient[dict[str, object]] = MongoClient(os.environ["MONGO_URI"])
    documents = client[os.environ["DB_NAME"]]["shapes_found"]
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVER"],
            "group.id": os.environ["KAFKA_CONSUMER_GROUP"],
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([os.environ["KAFKA_TOPIC"]])
    left = int(os.environ["BENCH_IMAGES"])
    batch: list[torch.Tensor] = []
    while left:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        batch.append(preprocess(Image.open(io.BytesIO(message.value() or b"")).convert("RGB")))
        if len(batch) < min(BATCH, left):
            continue
        with torch.no_grad():
            confidences, indices = model(torch.stack(batch)).softmax(1).max(1)
        for confidence, index in zip(confidences, indices, strict=True):
            documents.insert_one(
                {
                    "predicted_label": checkpoint.labels[int(index)],
                    "confidence": float(confidence),
                }
            )
        left -= len(batch)
        batch.clear()
    consumer.close()
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
