"""The version of atilite, once: the package, the console, the API and the command line read it here."""

VERSION = "0.1.0"
