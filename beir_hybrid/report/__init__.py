"""Results for people: tables to paste, a page to send, figures for papers."""
