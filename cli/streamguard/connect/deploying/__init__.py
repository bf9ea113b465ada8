"""Plan, apply, wait: a cluster becomes what the templates say."""
