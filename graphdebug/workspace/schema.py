"""The workspace's database: tables, their version, and how a connection behaves.

SQLite in WAL mode, so that pages read while a job writes; every writing transaction begins IMMEDIATE, so that two
processes queue up instead of failing half-way.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)

from graphdebug.workspace.disk import WorkspaceError

VERSION = 4
_BUSY_MILLISECONDS = 15_000
_SINCE_2 = (
    "source VARCHAR REFERENCES models (id)",
    "position INTEGER NOT NULL DEFAULT 0",
    "revision INTEGER NOT NULL DEFAULT 0",
)
"""Columns of ``models`` that format 1 lacks."""
_SINCE_3 = "comparison VARCHAR NOT NULL DEFAULT ''"
"""A column of ``edits`` that format 2 lacks."""
_SINCE_4 = "draft_state VARCHAR NOT NULL DEFAULT ''"
"""A column of ``jobs`` that format 3 lacks."""

metadata = MetaData()

models = Table(
    "models",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("path", String, nullable=False),
    Column("in_place", Boolean, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("record", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("opened", Float, nullable=False),
    # Of a draft: the model that is being edited, how many of its edits are done, and how often it changed.
    Column("source", String, ForeignKey("models.id")),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),
)

edits = Table(
    "edits",
    metadata,
    Column("model_id", String, ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("title", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("notes", String, nullable=False),
    Column("splices", LargeBinary, nullable=False),
    Column("created", Float, nullable=False),
    # The job that runs the model before and after it; empty: none does.
    Column("comparison", String, nullable=False, server_default=""),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("title", String, nullable=False),
    Column("model_id", String, ForeignKey("models.id", ondelete="CASCADE")),
    Column("state", String, nullable=False),
    Column("call", String, nullable=False),
    Column("request", String, nullable=False),
    Column("progress", Float),
    Column("message", String, nullable=False, default=""),
    Column("failure", String),
    Column("summary", String, nullable=False, default="{}"),
    Column("bytes", Integer, nullable=False, default=0),
    Column("owner", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    # What a draft was when the job began (drafts.state_of); empty: the model is no draft.
    Column("draft_state", String, nullable=False, server_default=""),
    Index("jobs_by_model", "model_id", "created"),
    Index("jobs_by_state", "state"),
)


def connect(path: Path) -> Engine:
    """Open (and make, when it is new) the database at ``path``.

    Raises:
        WorkspaceError: the database was written by a newer graphdebug.
    """
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where _begin says so, not where sqlite3 guesses
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    with engine.execution_options(writing=True).begin() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > VERSION:
            raise WorkspaceError(
                f"The workspace at {path.parent} was written by a newer graphdebug (format {version}, this one knows "
                f"{VERSION}): update graphdebug, or set GRAPHDEBUG_HOME to another folder."
            )
        if version == 1:
            for column in _SINCE_2:
                connection.exec_driver_sql(f"ALTER TABLE models ADD COLUMN {column}")
        if version == 2:
            connection.exec_driver_sql(f"ALTER TABLE edits ADD COLUMN {_SINCE_3}")
        if 1 <= version <= 3:
            connection.exec_driver_sql(f"ALTER TABLE jobs ADD COLUMN {_SINCE_4}")
        if version < VERSION:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    return engine
