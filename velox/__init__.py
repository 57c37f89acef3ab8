"""Velox: classify images as they stream through Apache Kafka."""
