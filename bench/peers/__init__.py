"""What greeter is compared with."""
