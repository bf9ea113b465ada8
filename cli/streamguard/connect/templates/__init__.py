"""From a template and its values to the config of a connector, all of it text."""
