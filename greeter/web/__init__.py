"""The web application: the application factory and a module for each kind of page. Only the entry points import it."""
