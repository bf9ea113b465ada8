"""PostgreSQL: its tables, their migrations, and the one place where a connection is opened.

psycopg, SQLAlchemy and Alembic come with the extra `postgres` and are imported when they are needed, not before.
"""
