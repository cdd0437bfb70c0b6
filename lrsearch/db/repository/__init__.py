"""Statements on the tables, one file a noun; each works inside the session it is given and never commits.

Who changes anything of a job locks the job's row first (`job_rows.lock`), then its packs: one order, no deadlocks, and
on SQLite the write lock is taken before anything is read.
"""
