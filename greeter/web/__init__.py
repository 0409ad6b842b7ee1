"""The pages. Nothing but the application factory imports this package."""
