"""Results as pages and downloads.

- downloads sends files, previews shows the beginning of a file, residues colours sequences.
- Tables: table_index finds the rows of a file, table_query filters and sorts them, paging divides them into pages, and
  table_view shows them.
"""
