"""What a pull request says: title, body and commit messages."""
