"""The notifier: people are told about decisions, by Slack, e-mail or a webhook.

Every channel is a consumer group of its own, so one that fails holds up nobody, and Kafka is the queue of what it has
not told yet. What it has told is remembered in a compacted topic, message by message.
"""
