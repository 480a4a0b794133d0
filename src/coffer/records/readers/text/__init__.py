"""What readers of text share: lines, delimited rows, prefixes, times and the order of files."""
