"""The files of the jobs in the folder that all hosts share.

- folders has the folders of the jobs, and contents reads what is in them. attempts has what workers do with those of
  attempts, uploads the files of forms. inputs restores the inputs of a job from its record.
- trees has the functions for whole folders, bounds limits what a tool may write, quota limits the bytes of a client,
  and probe checks that the folder answers.
- result_files, media_types, pictures and pdf_renderer prepare the files of a result for its page.
"""
