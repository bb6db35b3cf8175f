"""HTTP for every client: sessions, deadlines, downloads and errors."""
