"""The records of the jobs in Redis.

- store and worker_store read the records, and change them with the Lua scripts in lua/. scripts calls these through
  connections, and lists every key. statistics are a reply of such a script.
- reader is what pages and the API read a job with; samples has the jobs that are kept forever.
- redis_check checks Redis, and redis_copy copies all records to another one.
"""
