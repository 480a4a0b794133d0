"""What all pages stand on: headers, languages, forms, sessions, templates and the style sheet."""
