"""The records of the jobs in Redis.

- store reads the records, and changes them with the Lua scripts in lua/: runs has what the process of a job does, and
  upkeep what a worker does for all jobs. scripts calls them through connections, and lists every key. statistics are a
  reply of such a script.
- reader is what pages and the API read a job with; samples has the jobs that are kept forever.
- redis_check checks Redis, and redis_copy copies all records to another one.
"""
