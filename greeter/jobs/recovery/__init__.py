"""What a worker does beside its jobs: it finds jobs that were lost, and removes old ones.

- sweeper requeues and kills jobs every few seconds; cleaner removes records and files in a thread of its own.
- watchdog notices that the main process of a worker hangs.
- intake stops taking jobs while the worker cannot run any.
"""
