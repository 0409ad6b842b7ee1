"""The email to a visitor whose job has ended: mails has its state, mailer sends it to the server, mail_server."""
