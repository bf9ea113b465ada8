"""Kafka: clients, topics, the read-process-write loop and dead letters. Only here is confluent_kafka imported."""
