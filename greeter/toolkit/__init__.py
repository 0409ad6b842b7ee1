"""What tools import from greeter. The other modules of this package may be imported too.

- A tool: tool; declarations, form_check and installed check it when it is loaded; json_types has the types of JSON
  values.
- Its job: job, with steps, log, programs, program, process_guard, process_trees and threads; outputs, table, columns;
  errors.
- Form fields: fields, file_field with upload_field, database_field; form_context; file_rules, upload and text check
  files.
- Sequences: alphabets, accessions, fasta, fastq, sequence_files.
- Reference databases: database, database_build, checksums.
"""

from celery.exceptions import SoftTimeLimitExceeded

from greeter.toolkit.columns import Column
from greeter.toolkit.database import Database
from greeter.toolkit.database_field import DatabaseField
from greeter.toolkit.errors import ProgramError, ToolError
from greeter.toolkit.fields import FastaField, FastqField, ProteinFastaField
from greeter.toolkit.file_field import FileField, FilesField
from greeter.toolkit.job import Job, Result
from greeter.toolkit.sequence_files import (
    FastaRecord,
    count_sequences,
    longest_sequence,
    measure_sequences,
    read_fasta,
)
from greeter.toolkit.tool import MemoryNeed, tool

__all__ = [
    "Column",
    "Database",
    "DatabaseField",
    "FastaField",
    "FastaRecord",
    "FastqField",
    "FileField",
    "FilesField",
    "Job",
    "MemoryNeed",
    "ProgramError",
    "ProteinFastaField",
    "Result",
    "SoftTimeLimitExceeded",
    "ToolError",
    "count_sequences",
    "longest_sequence",
    "measure_sequences",
    "read_fasta",
    "tool",
]
