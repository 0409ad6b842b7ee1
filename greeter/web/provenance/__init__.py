"""The archive of a job, a Process Run Crate: crate, crate_graph and crate_run write it, and crate_reader reads it."""
