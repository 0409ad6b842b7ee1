"""What visitors send: request bodies, uploaded files and forms.

- request_body reads a body with multipart or urlencoded, and uploads keeps its files.
- forms makes the forms of the tools, and field_checks checks their fields.
- submitting submits a job, or says why not.
"""
