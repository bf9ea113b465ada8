"""streamguard: fraud data from Kafka into S3 and MongoDB with three folders of text and no code."""

__version__ = "0.1.0"
