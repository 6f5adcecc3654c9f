"""The ground: errors, vocabulary, provenance and the form of a result; imports nothing of ours."""
